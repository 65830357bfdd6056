// The network between hosts, as far as it is chance and cables: delays, loss, doubled and late
// datagrams, one-way holes, splits. Hosts are numbers. Decides only; the pool carries out.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "base/time.h"

namespace phoenix::hostsim {

struct LinkModel {
  Duration least = microseconds(200);  // one way
  Duration most = milliseconds(2);
  uint32_t lost_per_mille = 0;
  uint32_t doubled_per_mille = 0;
  uint32_t late_per_mille = 0;  // are overtaken by others
  Duration late_most = milliseconds(300);
};

class Links {
 public:
  Links(const LinkModel& model, Prng prng) : model_(model), prng_(prng) {}

  LinkModel& model() { return model_; }
  // Of all that the host receives and sends, beside what the model loses.
  void lose(uint32_t host, uint32_t in_per_mille, uint32_t out_per_mille);
  // Nothing goes from one to the other any more; the way back is not touched.
  void cut(uint32_t from, uint32_t to) { cuts_.insert({from, to}); }
  void mend(uint32_t from, uint32_t to) { cuts_.erase({from, to}); }
  // The hosts stand on the side of their number; kBridge reaches all. Others stand on side 0.
  static constexpr uint8_t kBridge = 255;
  void split(std::vector<uint8_t> sides) { sides_ = std::move(sides); }
  // Only the higher side still reaches the lower.
  void split_one_way(std::vector<uint8_t> sides);
  void heal();
  // Splits, cuts and losses: all gone.
  void mend_all();

  bool reachable(uint32_t from, uint32_t to) const;
  // Whether one datagram gets through; draws.
  bool passes(uint32_t from, uint32_t to);
  bool doubles() {
    return model_.doubled_per_mille > 0 && prng_.chance(model_.doubled_per_mille, 1000);
  }
  Duration delay();
  // How long TCP takes to bring so many bytes across, retries included. Nothing: for ever.
  std::optional<Duration> stream_leg(uint32_t from, uint32_t to, size_t bytes,
                                     Duration first_retry);

 private:
  uint32_t loss_in(uint32_t host) const { return host < in_.size() ? in_[host] : 0; }
  uint32_t loss_out(uint32_t host) const { return host < out_.size() ? out_[host] : 0; }
  uint8_t side(uint32_t host) const { return host < sides_.size() ? sides_[host] : 0; }

  LinkModel model_;
  Prng prng_;
  std::vector<uint32_t> in_, out_;
  std::vector<uint8_t> sides_;
  bool one_way_ = false;
  std::set<std::pair<uint32_t, uint32_t>> cuts_;
};

}  // namespace phoenix::hostsim
