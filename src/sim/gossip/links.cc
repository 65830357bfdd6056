#include "sim/gossip/links.h"

#include <algorithm>

namespace phoenix::hostsim {

void Links::lose(uint32_t host, uint32_t in_per_mille, uint32_t out_per_mille) {
  if (host >= in_.size()) {
    in_.resize(host + 1);
    out_.resize(host + 1);
  }
  in_[host] = in_per_mille;
  out_[host] = out_per_mille;
}

void Links::split_one_way(std::vector<uint8_t> sides) {
  sides_ = std::move(sides);
  one_way_ = true;
}

void Links::heal() {
  sides_.clear();
  one_way_ = false;
}

void Links::mend_all() {
  heal();
  cuts_.clear();
  in_.clear();
  out_.clear();
}

bool Links::reachable(uint32_t from, uint32_t to) const {
  if (!sides_.empty()) {
    const uint8_t a = side(from);
    const uint8_t b = side(to);
    const bool together = a == b || a == kBridge || b == kBridge || (one_way_ && a > b);
    if (!together) return false;
  }
  if (!cuts_.empty() && cuts_.contains({from, to})) return false;
  return loss_out(from) < 1000 && loss_in(to) < 1000;
}

bool Links::passes(uint32_t from, uint32_t to) {
  if (!reachable(from, to)) return false;
  for (const uint32_t lost : {model_.lost_per_mille, loss_out(from), loss_in(to)}) {
    if (lost > 0 && prng_.chance(lost, 1000)) return false;
  }
  return true;
}

Duration Links::delay() {
  if (model_.late_per_mille > 0 && prng_.chance(model_.late_per_mille, 1000)) {
    return {prng_.between(model_.most.ns, std::max(model_.most, model_.late_most).ns)};
  }
  return {prng_.between(model_.least.ns, model_.most.ns)};
}

std::optional<Duration> Links::stream_leg(uint32_t from, uint32_t to, size_t bytes,
                                          Duration first_retry) {
  // Ten segments go out before the first is acknowledged; each such flight is one chance of loss.
  constexpr size_t kFlight = 14'600;
  constexpr Duration kPatience = seconds(60);
  Duration total{0};
  for (size_t sent = 0; sent <= bytes; sent += kFlight) {
    Duration retry = first_retry;
    while (!passes(from, to)) {
      total = total + retry;
      retry = retry * 2;
      if (total > kPatience || !reachable(from, to)) return std::nullopt;
    }
    total = total + delay();
  }
  return total;
}

}  // namespace phoenix::hostsim
