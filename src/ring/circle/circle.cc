#include "ring/circle/circle.h"

#include <algorithm>

namespace phoenix::ring {

void Circle::add(MemberIndex index) {
  if (states_.size() <= index) states_.resize(members_.limit(), State::kAbsent);
  states_[index] = State::kWaiting;
  waiting_.push_back(index);
  waiting_vnodes_ += vnode_count(members_[index].weight);
}

void Circle::remove(MemberIndex index, std::span<const Vnode> vnodes) {
  if (states_[index] == State::kPlaced) {
    ring_.erase(vnodes);
  } else {
    waiting_vnodes_ -= vnodes.size();
    // Else coming and going without a read in between would grow the list for ever.
    waiting_.erase(std::find(waiting_.begin(), waiting_.end(), index));
  }
  states_[index] = State::kAbsent;
}

void Circle::change(MemberIndex index, std::span<const Vnode> come, std::span<const Vnode> gone) {
  if (states_[index] == State::kWaiting) {
    waiting_vnodes_ += come.size();
    waiting_vnodes_ -= gone.size();
    return;
  }
  ring_.insert(come);
  ring_.erase(gone);
}

void Circle::put_in() {
  std::vector<Vnode> fresh;
  const bool anew = waiting_vnodes_ > ring_.size() / 4;
  fresh.reserve(waiting_vnodes_ + (anew ? ring_.size() : 0));
  for (const MemberIndex index : waiting_) {
    states_[index] = State::kPlaced;
    members_.append_vnodes(index, 0, vnode_count(members_[index].weight), fresh);
  }
  waiting_ = {};
  waiting_vnodes_ = 0;
  if (!anew) return ring_.insert(fresh);
  ring_.for_each([&fresh](const Vnode& vnode) { fresh.push_back(vnode); });
  ring_.build(fresh);
}

size_t Circle::bytes() const {
  return ring_.bytes() + states_.capacity() + waiting_.capacity() * sizeof(MemberIndex);
}

}  // namespace phoenix::ring
