// What the seeded cases share.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>

#include "sim/gossip/cases/watch.h"

namespace phoenix::hostsim {

// A case is played under each of these; a failure names the seed.
class Case : public testing::TestWithParam<uint64_t> {
 protected:
  // So many hosts that know each other and are in the view of each.
  void make(size_t hosts, PoolOptions options = {}) {
    options.seed = GetParam();
    pool_ = std::make_unique<Pool>(options);
    watch_ = std::make_unique<Watch>(*pool_);
    for (uint32_t i = 0; i < hosts; ++i) {
      pool_->add();
      pool_->start(i, i == 0 ? std::vector<uint32_t>{} : std::vector<uint32_t>{0});
    }
    ASSERT_TRUE(
        watch_->run_until([&] { return watch_->all_know_all() && all_in_view(); }, seconds(60)));
    watch_->run(seconds(10));
    watch_->forget_events();
  }
  // Under the lives that run.
  bool all_in_view() const {
    return watch_->all_see(watch_->running()) &&
           std::ranges::all_of(pool_->desk().view().hosts, [&](const gossip::ViewHost& each) {
             return each.boot == pool_->boot(pool_->number(each.name));
           });
  }
  bool whole() const { return watch_->all_know_all() && all_in_view(); }
  std::set<uint32_t> all_but(const std::set<uint32_t>& some) const {
    std::set<uint32_t> rest;
    for (uint32_t i = 0; i < pool_->size(); ++i) {
      if (!some.contains(i)) rest.insert(i);
    }
    return rest;
  }
  std::set<std::string> names(const std::set<uint32_t>& hosts) const {
    std::set<std::string> all;
    for (const uint32_t host : hosts) all.insert(pool_->name(host));
    return all;
  }
  std::vector<uint8_t> halves(size_t hosts) const {
    std::vector<uint8_t> sides(hosts);
    for (size_t i = 0; i < hosts; ++i) sides[i] = i < hosts / 2 ? 1 : 2;
    return sides;
  }
  void TearDown() override {
    if (!watch_) return;
    for (const std::string& each : watch_->violations()) ADD_FAILURE() << each;
  }

  std::unique_ptr<Pool> pool_;
  std::unique_ptr<Watch> watch_;
};

inline const std::set<std::string> kNobody = {};

}  // namespace phoenix::hostsim
