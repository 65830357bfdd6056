// Processor time of one thread throughout: none of it waits for anything.
#include "bench/lineage/rows.h"

#include <algorithm>
#include <string>
#include <vector>

#include "bench/clock.h"
#include "bench/core_load.h"
#include "bench/figures.h"
#include "lineage/audit/test_mutations.h"
#include "lineage/audit/test_pool.h"
#include "lineage/audit/verifier.h"
#include "lineage/tree/log_tree.h"

namespace phoenix::bench {
namespace {

using lineage::AuditReport;
using lineage::TestPool;

constexpr int kMembers = 50;
constexpr size_t kBatch = 100;

// Packets in hundreds: assigned, handed on if so wished, completed under one signature for all. A
// checkpoint after every ten thousand.
struct Export {
  std::string text;
  std::vector<std::string> checkpoints;
  std::vector<lineage::NamedKey> keys;
};
Export export_of(int packets, bool handoffs) {
  TestPool pool;
  const auto member = [](int i) { return "member-" + std::to_string(i % kMembers); };
  for (int i = 0; i < kMembers; ++i) pool.register_member(1, member(i));
  Export made;
  std::vector<std::string> batch;
  for (int i = 0; i < packets; ++i) {
    const int owner = i / static_cast<int>(kBatch);
    batch.push_back("pkt_01JDQ8Z7R2T5V9W0X3Y6A1B4" + std::to_string(i));
    pool.assign(1 + i % 3, batch.back(), member(handoffs ? owner + 1 : owner));
    if (handoffs) pool.hand_off(1 + i % 3, batch.back(), member(owner));
    if (batch.size() == kBatch || i + 1 == packets) {
      pool.complete(1 + i % 3, batch);
      batch.clear();
    }
    if (i % 10'000 == 9'999) made.checkpoints.push_back(pool.publish("h1"));
  }
  made.checkpoints.push_back(pool.publish("h1"));
  made.checkpoints = {made.checkpoints.back()};
  made.text = pool.text();
  made.keys = pool.roots();
  return made;
}

struct Rate {
  double legs = 0;       // a second
  double megabytes = 0;  // of the export
};
Result<Rate> verify_rate(const Export& made) {
  std::vector<double> rates;
  for (int round = 0; round < 3; ++round) {
    const Duration begin = thread_clock();
    const auto report = lineage::verify_export(made.text, made.keys, made.checkpoints);
    const double took = in_seconds(thread_clock() - begin);
    if (!report) return tl::unexpected(report.error());
    if (report->fault) return fail(ErrorKind::kInternal, report->fault->detail);
    rates.push_back(static_cast<double>(report->legs) / took);
  }
  return Rate{median(rates), static_cast<double>(made.text.size()) / 1e6};
}

// The first issue's life of a packet, in the core, with and without signatures, by turns.
Result<bool> signatures(bool quick, Figures& figures) {
  const size_t live = quick ? 2'000 : 100'000;
  const size_t wanted = quick ? 2'000 : 200'000;
  const size_t members = quick ? 100 : 1'000;
  CoreLoad plain(members, 1'000);
  CoreLoad with_keys(members, 1'000, true);
  plain.fill(live);
  with_keys.fill(live);
  std::vector<double> plain_rates;
  std::vector<double> signed_rates;
  for (int round = 0; round < 5; ++round) {
    plain_rates.push_back(plain.rate(live, wanted));
    signed_rates.push_back(with_keys.rate(live, wanted));
  }
  const double without = median(plain_rates);
  const double with = median(signed_rates);
  if (without <= 0 || with <= 0) return fail(ErrorKind::kInternal, "nothing was completed");
  figures.push_back({4,
                     "what signed results cost the life of a packet, 100 a call",
                     100 * (1 - with / without),
                     "%",
                     {Bar::Op::kAtMost, 30},
                     {{"packets/s with", with},
                      {"packets/s without", without},
                      {"us a packet", 1e6 / with - 1e6 / without}}});
  return true;
}

Result<bool> verification(bool quick, Figures& figures) {
  const int packets = quick ? 1'000 : 35'005;
  const auto handed = verify_rate(export_of(packets, true));
  if (!handed) return tl::unexpected(handed.error());
  const auto plain = verify_rate(export_of(packets, false));
  if (!plain) return tl::unexpected(plain.error());
  figures.push_back({5,
                     "offline verification, every packet handed on once",
                     handed->legs,
                     "legs/s",
                     {Bar::Op::kAtLeast, 15'000},
                     {{"export MB", handed->megabytes}, {"packets", packets}}});
  figures.push_back({5,
                     "offline verification, no packet handed on",
                     plain->legs,
                     "legs/s",
                     {Bar::Op::kAtLeast, 15'000},
                     {{"export MB", plain->megabytes}, {"packets", packets}}});
  return true;
}

Result<bool> mutations(bool quick, Figures& figures) {
  TestPool pool;
  const auto checkpoints = lineage::fill(pool);
  const lineage::MutableExport original(pool.text());
  const int wanted = quick ? 280 : 10'000;
  Prng random(7);
  int found = 0;
  for (int i = 0; i < wanted;) {
    const auto kind = static_cast<lineage::Mutation>(i % lineage::kMutations);
    const auto altered = original.mutate(kind, random);
    if (!altered) continue;
    ++i;
    const auto report = lineage::verify_export(*altered, pool.roots(), {checkpoints.back()});
    if (!report) return tl::unexpected(report.error());
    found += report->fault ? 1 : 0;
  }
  figures.push_back({6,
                     "alterations of an exported log that are found",
                     100.0 * found / wanted,
                     "%",
                     {Bar::Op::kAtLeast, 100},
                     {{"alterations", wanted}, {"kinds", lineage::kMutations}}});
  return true;
}

// An entry of a usual size, told by its position.
std::string entry_at(uint64_t position) {
  std::string entry(260, 'x');
  const std::string number = std::to_string(position);
  entry.replace(0, number.size(), number);
  return entry;
}

Result<bool> proofs(bool quick, Figures& figures) {
  const uint64_t entries = quick ? 100'000 : 10'000'000;
  lineage::LogTree tree;
  for (uint64_t i = 0; i < entries; ++i) tree.append(lineage::leaf_hash(entry_at(i)));
  // The rows lie elsewhere: their leaf hashes are made again for every proof.
  const lineage::LeafReader read = [](uint64_t first) -> Result<std::vector<Digest>> {
    std::vector<Digest> leaves;
    for (uint64_t i = 0; i < lineage::kTileLeaves; ++i) {
      leaves.push_back(lineage::leaf_hash(entry_at(first + i)));
    }
    return leaves;
  };
  std::vector<double> millis;
  std::vector<double> checked;
  size_t hashes = 0;
  Prng random(8);
  for (int i = 0; i < (quick ? 200 : 5'000); ++i) {
    const uint64_t position = random.below(entries);
    const Duration begin = thread_clock();
    const auto path = tree.inclusion(position, entries, read);
    millis.push_back(in_micros(thread_clock() - begin) / 1e3);
    if (!path) return tl::unexpected(path.error());
    hashes = std::max(hashes, path->size());
    const Digest leaf = lineage::leaf_hash(entry_at(position));
    const Duration check = thread_clock();
    if (!lineage::verify_inclusion(leaf, position, entries, *path, tree.root())) {
      return fail(ErrorKind::kInternal, "a proof does not hold");
    }
    checked.push_back(in_micros(thread_clock() - check));
  }
  figures.push_back({8,
                     "one entry's inclusion proof, p99",
                     quantile(millis, 0.99),
                     "ms",
                     {Bar::Op::kAtMost, 1},
                     {{"entries", static_cast<double>(entries)},
                      {"p50 ms", quantile(millis, 0.5)},
                      {"check p50 us", quantile(checked, 0.5)},
                      {"kept MB", static_cast<double>(tree.sums().size() * 32) / 1e6}}});
  figures.push_back({8,
                     "hashes in the longest of them",
                     static_cast<double>(hashes),
                     "hashes",
                     {Bar::Op::kAtMost, 24},
                     {}});
  return true;
}

}  // namespace

std::vector<Row> lineage_rows(const LineageBench& options) {
  const auto row = [quick = options.quick](auto* run) {
    return [quick, run](Figures& figures) { return run(quick, figures); };
  };
  const auto with_disk = [options](auto* run) {
    return [options, run](Figures& figures) { return run(options, figures); };
  };
  // The first fork, which wants a process without threads.
  return {{1, "one handoff at a time", with_disk(one_handoff_row)},
          {2, "one durable handoff at a time", with_disk(durable_handoff_row)},
          {3, "500 durable handoffs a second", with_disk(steady_handoffs_row)},
          {4, "signed results in the core", row(signatures)},
          {5, "verifying an export", row(verification)},
          {6, "altering an export", row(mutations)},
          {7, "attacks on handoffs", with_disk(attack_rows)},
          {8, "proofs in a long log", row(proofs)}};
}

}  // namespace phoenix::bench
