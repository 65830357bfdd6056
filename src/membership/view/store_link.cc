#include "membership/view/store_link.h"

#include <algorithm>
#include <utility>

#include "membership/view/observer_rings.h"

namespace phoenix::gossip {
namespace {

constexpr Duration kAnswerWithin = seconds(6);  // the driver's own limit is 5 s
constexpr Duration kLongestBackoff = seconds(8);
constexpr Duration kDistance = milliseconds(100);
// The store took a proposal and left all as it is: who is proposed may not enter yet.
constexpr Duration kInVain = seconds(1);

}  // namespace

void StoreLink::hurry(Instant now) {
  if (waiting_) {
    again_ = true;
  } else if (failures_ == 0) {
    next_ = std::min(next_, std::max(now, sent_ + kDistance));
  }
}

void StoreLink::paused(Instant now) {
  if (waiting_) deadline_ = now + kAnswerWithin;
  hurry(now);
}

void StoreLink::tick(Instant now, uint64_t number, std::vector<ViewRequest>& out) {
  if (waiting_ && now >= deadline_) {
    waiting_ = false;
    failed(now);
  }
  if (waiting_ || now < next_) return;
  ViewRequest request;
  request.expected = number;
  send(std::move(request), now, out);
}

bool StoreLink::ready(Instant now) const {
  return !waiting_ && failures_ == 0 && answers_ && now >= not_before_;
}

void StoreLink::propose(View proposed, Instant now, std::vector<ViewRequest>& out) {
  ViewRequest request;
  request.propose = true;
  request.expected = proposed.number - 1;
  request.proposed = std::move(proposed);
  ++proposals_;
  send(std::move(request), now, out);
}

void StoreLink::send(ViewRequest request, Instant now, std::vector<ViewRequest>& out) {
  request.id = ++id_;
  proposed_ = request.propose ? request.proposed.number : 0;
  waiting_ = true;
  sent_ = now;
  deadline_ = now + kAnswerWithin;
  out.push_back(std::move(request));
}

void StoreLink::answered(const ViewAnswer& answer, Instant now) {
  if (!waiting_ || answer.id != id_) return;
  waiting_ = false;
  if (answer.status == ViewAnswer::Status::kUnreachable) return failed(now);
  failures_ = 0;
  answers_ = true;
  if (answer.status == ViewAnswer::Status::kConflict) {
    ++conflicts_;
    not_before_ = now + milliseconds(prng_.between(0, 100));
  } else if (proposed_ != 0 && answer.newest && answer.newest->view().number < proposed_) {
    not_before_ = now + kInVain;
  }
  // A tenth of it at random, so that a pool started at once does not ask at once for ever.
  next_ = now + heartbeat_ - Duration{prng_.between(0, heartbeat_.ns / 10)};
  if (std::exchange(again_, false)) hurry(now);
}

void StoreLink::failed(Instant now) {
  ++unreachable_;
  answers_ = false;
  again_ = false;
  failures_ = std::min(failures_ + 1, 16);
  const int64_t longest = std::min(kLongestBackoff.ns, heartbeat_.ns << std::min(failures_, 10));
  next_ = now + Duration{prng_.between(longest / 2, longest)};
}

}  // namespace phoenix::gossip
