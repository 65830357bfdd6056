#include "bench/membership/sim/crowd.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

namespace phoenix::bench {

void in_parallel(size_t count, const std::function<void(size_t)>& run) {
  std::atomic<size_t> next{0};
  std::vector<std::thread> threads;
  const size_t processors = std::max(1U, std::thread::hardware_concurrency());
  for (size_t i = 0; i < std::min(count, processors); ++i) {
    threads.emplace_back([&] {
      for (size_t each = next++; each < count; each = next++) run(each);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

Result<std::vector<Run>> take_runs(const MembershipBench& options, size_t count,
                                   const std::function<std::string(size_t)>& name,
                                   const std::function<RunFile::Numbers(size_t)>& run) {
  std::vector<Run> taken;
  std::vector<size_t> wanted;  // places in `taken`
  for (size_t i = 0; i < count; ++i) {
    const RunFile::Numbers* known = options.runs ? options.runs->find(name(i)) : nullptr;
    if (known == nullptr && !options.share.has(i)) continue;
    if (known == nullptr) wanted.push_back(taken.size());
    taken.push_back({i, known ? *known : RunFile::Numbers()});
  }
  std::mutex mutex;
  Result<void> kept;
  in_parallel(wanted.size(), [&](size_t i) {
    Run& one = taken[wanted[i]];
    one.found = run(one.number);
    if (!options.runs) return;
    const Result<void> added = options.runs->add(name(one.number), one.found);
    const std::scoped_lock lock(mutex);
    if (!added) kept = added;
  });
  if (!kept) return tl::unexpected(kept.error());
  return taken;
}

std::unique_ptr<hostsim::Pool> settled_pool(size_t hosts, uint64_t seed) {
  hostsim::PoolOptions options;
  options.seed = seed;
  auto pool = std::make_unique<hostsim::Pool>(options);
  pool->add(hosts);
  pool->start_together();
  pool->run(kSettling);
  return pool;
}

std::vector<uint32_t> choose(size_t count, size_t below, Prng& prng) {
  std::vector<uint32_t> all(below);
  for (size_t i = 0; i < below; ++i) all[i] = static_cast<uint32_t>(i);
  prng.shuffle(all);
  all.resize(std::min(count, below));
  std::ranges::sort(all);
  return all;
}

bool sees_all_but(const hostsim::Pool& pool, uint32_t host, const std::vector<bool>& without) {
  size_t expected = 0;
  for (uint32_t i = 0; i < pool.size(); ++i) expected += without[i] ? 0 : 1;
  const gossip::View& view = pool.core(host).view();
  if (view.hosts.size() != expected) return false;
  return std::ranges::none_of(view.hosts, [&](const gossip::ViewHost& each) {
    const uint32_t number = pool.number(each.name);
    return number >= without.size() || without[number];
  });
}

}  // namespace phoenix::bench
