// Which host keeps which of the ring's 4,096 slots: weighted highest random weight, a pure function
// of (ring key, set of hosts with their weights). When a host comes, goes or changes its weight, a
// slot moves only to it or from it, never between two others; each host keeps its share by weight.
//
//   x = SipHash-1-3 under the ring key of 'S' u32le(slot) u16le(len) host
//   L = -log2((x + 1) / 2^64), a whole number of 2^-32: negative_log2() below
//
// The smallest L / weight keeps the slot, compared as L * other weight in 128 bits; equal ones by
// the bytes of the host's id, the smaller first. Weight 0 takes no part; without any weight nobody
// keeps anything. L is a logarithm because then the smallest of several is a host's with exactly
// the probability weight / sum of weights; with hash * weight 2:1 would give shares of 3:1.
//
// Meant for up to some hundred hosts: a change of one costs about 4,096 hashes whatever their
// number (0.3 ms; 30 ms for 200 hosts from nothing). Single-threaded.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ring/point.h"

namespace phoenix {

// How it is rounded belongs to what is fixed for good. y = x + 1; n is the number of its highest
// bit, 0 to 64; m = y * 2^(63-n), so that its bit 63 is set. Then 32 times: p = m * m (128 bits);
// bit 127 of p is the next bit of f, the highest first; m is the upper 64 bits of p where that bit
// is 1 and of 2p where it is 0, what lies below being cut off. L = (64 - n) * 2^32 - f.
// From 0 (x = 2^64 - 1) to 64 * 2^32 (x = 0); never rises with x.
uint64_t negative_log2(uint64_t x);

// Never above negative_log2(x), at most 0.0861 below it, and much cheaper.
uint64_t negative_log2_bound(uint64_t x);

class SlotMap {
 public:
  // Dense number of a host; given again to others after its removal.
  using HostNo = uint32_t;
  static constexpr HostNo kNobody = ~HostNo{0};

  explicit SlotMap(const RingKey& key) : key_(key) { keepers_.fill(kNobody); }

  // Requires: no host has this id, which is of 1 to 65,535 bytes. Any weight is allowed.
  HostNo add(std::string_view id, uint32_t weight);
  void remove(HostNo no);
  void reweigh(HostNo no, uint32_t weight);

  // Requires: slot < kSlots.
  HostNo keeper(uint32_t slot) const { return keepers_[slot]; }
  std::string_view id(HostNo no) const { return std::string_view(hosts_[no].message).substr(7); }
  uint32_t weight(HostNo no) const { return hosts_[no].weight; }
  // How many slots it keeps.
  uint32_t kept(HostNo no) const { return hosts_[no].kept; }

 private:
  struct Host {
    std::string message;  // what is hashed; the slot's four bytes are filled in each time
    uint32_t weight = 0;
    uint32_t kept = 0;
  };

  uint64_t hash(uint32_t slot, Host& host) const;
  void contest(uint32_t slot, HostNo no);
  void give_up_slots(HostNo no);

  RingKey key_;
  std::vector<Host> hosts_;  // weight 0 also where a number is free
  std::vector<HostNo> free_;
  std::array<HostNo, kSlots> keepers_;
  std::array<uint64_t, kSlots> lengths_{};  // L of the keeper
};

}  // namespace phoenix
