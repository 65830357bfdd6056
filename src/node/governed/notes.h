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
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/time.h"
#include "lineage/form/entry.h"
#include "node/node.h"
#include "policy/rules/input.h"

namespace phoenix {

struct PolicyRefusal;

// Longer ones are left out of entries; what they tell is in answers and, of packets, in their
// history.
inline constexpr size_t kMostAccountBytes = 4'096;

// A policy's no, and on what.
struct PolicyNote {
  bool of_packet = true;
  const std::string& key;  // "namespace/id"
  const PolicyRefusal& refusal;
  uint64_t epoch = 0;
  uint64_t revision = 0;
  const std::string& who;                     // of whom it was asked
  const policy::MemberView* asked = nullptr;  // what it would be; null: the record has it anyway
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

// Which refusals of packets that wait are entries already: a packet is looked at again and again,
// and its refusal is told once. Bounded: of one packet the first few, in one second so many; what
// was left out then is told when the packet is looked at later.
class HeldNotes {
 public:
  static constexpr size_t kMostOfOne = 16;
  static constexpr size_t kMostASecond = 1'000;

  // Whether `what`, a number for a rule of a set of policies, is to be an entry now. It counts as
  // one from then on.
  bool is_new(const PacketKey& packet, uint64_t what, Instant now);
  // It is one, whatever else is.
  void tell(const PacketKey& packet, uint64_t what);
  // It has not become one.
  void take_back(const PacketKey& packet, uint64_t what);
  bool knows(const PacketKey& packet) const { return told_.contains(packet); }
  void drop(const PacketKey& packet) { told_.erase(packet); }
  size_t size() const { return told_.size(); }

 private:
  std::unordered_map<PacketKey, std::vector<uint64_t>> told_;
  Instant second_;  // when the present one began
  size_t in_second_ = 0;
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
