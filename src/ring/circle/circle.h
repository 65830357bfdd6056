// The whole ring: the v-nodes of all members. Joins wait until somebody reads, as a host that
// starts or a session of thousands brings many at once: these are put in together, in the time of
// sorting them. Between settle() and the next change, queries may run in several threads.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ring/catalogue/members.h"
#include "ring/circle/line_ring.h"

namespace phoenix::ring {

class Circle {
 public:
  explicit Circle(const Members& members) : members_(members), ring_(members) {}

  void add(MemberIndex index);
  // All v-nodes of a member that was added.
  void remove(MemberIndex index, std::span<const Vnode> vnodes);
  // Of a member that stays: those that came, and those that went.
  void change(MemberIndex index, std::span<const Vnode> come, std::span<const Vnode> gone);

  // All v-nodes of a member that has other capabilities now.
  void mark(MemberIndex index, std::span<const Vnode> vnodes) {
    if (states_[index] == State::kPlaced) ring_.mark(vnodes);
  }

  // Puts in what waits. To be called before reading.
  void settle() {
    if (!waiting_.empty()) put_in();
  }
  const LineRing& ring() const { return ring_; }
  size_t bytes() const;

 private:
  enum class State : uint8_t { kAbsent, kWaiting, kPlaced };

  void put_in();

  const Members& members_;
  LineRing ring_;
  std::vector<State> states_;  // by member
  std::vector<MemberIndex> waiting_;
  size_t waiting_vnodes_ = 0;
};

}  // namespace phoenix::ring
