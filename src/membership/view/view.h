// The view: the numbered list of phoenix hosts that ownership, members and slots follow. It is not
// the gossip's opinion: it changes only by compare-and-swap on its number in a ViewStore.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace phoenix::gossip {

struct ViewHost {
  std::string name;
  // The incarnation under which this entry was written. It grows within one life too (a host
  // refutes an accusation by it), and the entry does not follow that; `boot` tells lives apart.
  uint32_t incarnation = 0;
  uint32_t weight = 100;  // 0: it holds no slots
  uint64_t boot = 0;      // which process it is
  bool operator==(const ViewHost&) const = default;
};

// A host that was cut from the view within about the last hour; also after it came back, so that
// the wait before it may come back doubles each time. Kept in the view, because a host that joins
// later has to know it as well.
struct RemovedHost {
  std::string name;
  uint32_t incarnation = 0;  // it is taken back only under a higher one
  uint32_t times = 1;        // removals within the hour
  uint64_t number = 0;       // of the first view without it
  bool operator==(const RemovedHost&) const = default;
};

// How long it must have been reached without interruption, by its removals.
Duration trial_length(uint32_t times);
// "comes back after 10 s of answered pings"
std::string trial_text(const RemovedHost& removed);

inline constexpr size_t kMaxRemoved = 1'024;      // of these the newest are kept
inline constexpr size_t kMaxViewHosts = 100'000;  // of a decoded view
inline constexpr size_t kMaxHostName = 128;       // bytes

struct View {
  uint64_t number = 0;               // 0: nobody has written one yet
  std::vector<ViewHost> hosts;       // ordered by name, each once
  std::vector<RemovedHost> removed;  // ordered by name, each once
  bool operator==(const View&) const = default;
  const ViewHost* find(std::string_view name) const;  // null: not in it
  const RemovedHost* find_removed(std::string_view name) const;
};

// Canonical msgpack, for stores and for messages. Decoding refuses every other form, wrong order,
// and more than the limits above.
std::string encode(const View& view);
bool decode(std::string_view bytes, View& out);

// A view that cannot change any more, with the rings computed from it (observer_rings.h). Whoever
// reads a view from a store makes one; in a simulation thousands of hosts share it.
class RankedView;
using ViewRef = std::shared_ptr<const RankedView>;
ViewRef make_view(View view);

// One request to the store. Every one is also this host's heartbeat, and its answer brings the
// newest view, so that a host that missed a change learns of it at its next one.
struct ViewRequest {
  uint64_t id = 0;
  bool propose = false;   // else only the heartbeat
  uint64_t expected = 0;  // the newest number known here; a proposal is made from it
  View proposed;          // its number is `expected` + 1
};

struct ViewAnswer {
  enum class Status : uint8_t { kOk, kConflict, kUnreachable };
  uint64_t id = 0;
  Status status = Status::kUnreachable;
  ViewRef newest;  // null: unreachable, or a heartbeat's `expected` still is the newest
  // Hosts of the view whose heartbeat in the store is older than the store allows, by its clock.
  // Ordered by name.
  std::vector<std::string> lapsed;
  // Those of them that have to go therefore, whoever reaches them: of a store that the hosts cannot
  // do without, while it has answered this host all the time. Ordered by name.
  std::vector<std::string> unrenewed{};
  std::string why{};  // of kUnreachable: a sentence for people
  // What hosts hold stands in this store, and who does not reach its holder cannot work on it.
  bool vital = false;
};

}  // namespace phoenix::gossip
