// What is written down though it changes nothing: refusals, and what befalls hosts. Private to
// src/node.
//
// A caller that is refused again and again must not fill the log: its first refusal is an entry at
// once, and those of the second after that are counted and are one entry at its end, event
// "refused-again", whose revision is their number. Callers that nobody knows are counters alone.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/time.h"
#include "lineage/form/entry.h"
#include "node/node.h"

namespace phoenix {

struct PolicyRefusal;

// A policy's no, and on what.
struct PolicyNote {
  bool of_packet = true;
  const std::string& key;  // "namespace/id"
  const PolicyRefusal& refusal;
  uint64_t epoch = 0;
  uint64_t revision = 0;
  const std::string& who;  // of whom it was asked
};

// A caller, as the log names it: a member by id, all others by the name of their token.
struct KnownCaller {
  lineage::ActorKind kind = lineage::ActorKind::kToken;
  std::string ns;  // of a member
  std::string name;
  auto operator<=>(const KnownCaller&) const = default;
};

// Who was refused within the last second. Bounded: while so many others are refused, further ones
// are counters alone.
class RefusalBook {
 public:
  static constexpr size_t kMost = 4'096;
  static constexpr Duration kWindow = seconds(1);

  // Whether this refusal is to be an entry of its own.
  bool is_first(const KnownCaller& caller, std::string_view reason, Instant now);

  struct Again {
    KnownCaller caller;
    std::string reason;  // of the last of them
    uint64_t count = 0;
  };
  // Of one caller whose second is over and who was refused again within it; false: of none. A
  // second of its own begins for it.
  bool take_due(Instant now, Again* again);
  Instant next() const { return order_.empty() ? kNever : order_.front().first + kWindow; }
  size_t size() const { return lines_.size(); }

  // A call of theirs is handled from now on.
  void begin(const Caller& caller) {
    known = !caller.session.empty() || !caller.principal.empty();
    told = false;
    if (!caller.as_member.empty() && !caller.principal.empty()) behind = caller.principal;
  }

  bool known = false;
  bool told = false;   // the refusal at hand has its entry already
  std::string behind;  // the token by which a manual member is spoken for

 private:
  struct Line {
    std::string reason;
    uint64_t more = 0;
  };
  std::map<KnownCaller, Line> lines_;
  std::deque<std::pair<Instant, KnownCaller>> order_;  // of all lines, by when their second began
};

// An entry that changes nothing as a row of the log; `line` has what people are to read beside it.
PutNote note_row(bool of_packet, std::string key, HistoryEntry line, const lineage::Entry& entry);

struct HostNotes {
  static constexpr size_t kMost = 64;
  std::deque<HostNote> waiting;
  bool writing = false;  // the oldest
  Instant retry_at;      // after a refusal
  Instant next() const { return waiting.empty() || writing ? kNever : retry_at; }
};

}  // namespace phoenix
