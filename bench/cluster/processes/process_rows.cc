// Rows 1, 2, 3, 7 and the changes of row 6: real hosts that share a real PostgreSQL are killed,
// told to leave, joined by others and given much to tell. measure.py does that; here its words
// become figures.

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "bench/cluster/rows.h"
#include "bench/script.h"

namespace phoenix::bench {
namespace {

// What several events have in common: a list of waits each.
struct Waits {
  std::vector<double> all;
  std::vector<double> worst;  // of each event
};

Waits waits_of(const std::vector<Words>& lines, const std::string& name) {
  Waits found;
  for (const Words& words : lines) {
    if (words.front() != name || words.size() < 2) continue;
    const std::vector<double> times = numbers(words, 1);
    found.all.insert(found.all.end(), times.begin(), times.end());
    found.worst.push_back(*std::max_element(times.begin(), times.end()));
  }
  return found;
}

// The lines of measure.py, if each of `events` has been measured.
Result<std::vector<Words>> measure(const ClusterBench& options, const std::string& verb,
                                   const std::string& name, size_t events, const Words& sizes) {
  Words words = {verb, options.disk_folder, std::to_string(events)};
  words.insert(words.end(), sizes.begin(), sizes.end());
  auto lines = run_script(options.program, PHOENIX_MEASURE_CLUSTER, words);
  if (!lines) return lines;
  const auto count = std::count_if(lines->begin(), lines->end(),
                                   [&](const Words& line) { return line.front() == name; });
  if (static_cast<size_t>(count) < events) {
    return fail(ErrorKind::kInternal, "measure.py " + verb + " was cut short");
  }
  return lines;
}

double largest(const std::vector<double>& values) { return quantile(values, 1); }

// For the chart: how long one in so many waits at least.
void add_curve(const std::string& name, const Waits& waits, Figure& figure) {
  for (const int of : {2, 10, 100, 1000}) {
    figure.drawn.emplace_back(fmt::format("waits/{}/{}", name, of),
                              quantile(waits.all, 1 - 1.0 / of));
  }
}

Figure recovery(int row, const std::string& what, const Waits& waits, double bar) {
  return {.row = row,
          .what = what,
          .value = quantile(waits.all, 0.99),
          .unit = "s",
          .bar = {Bar::Op::kAtMost, bar},
          .beside = {{"p50, s", quantile(waits.all, 0.5)},
                     {"worst event: its slowest, s", largest(waits.all)},
                     {"median event: its slowest, s", median(waits.worst)},
                     {"packets", static_cast<double>(waits.all.size())},
                     {"events", static_cast<double>(waits.worst.size())}}};
}

Result<bool> attach(const ClusterBench& options, Figures& figures) {
  const auto lines = measure(options, "attach", "runs", options.quick ? 1 : 20,
                             options.quick ? Words{"2", "2"} : Words{"10", "2"});
  if (!lines) return tl::unexpected(lines.error());
  const Waits waits = waits_of(*lines, "waits");
  double again = 0;
  for (const Words& words : *lines) again += number_after(words, "runs");
  figures.push_back({.row = 2,
                     .what = "2a home killed, to its workers attached elsewhere, slowest",
                     .value = largest(waits.all),
                     .unit = "s",
                     .bar = {Bar::Op::kAtMost, 1},
                     .beside = {{"p50, s", quantile(waits.all, 0.5)},
                                {"p99, s", quantile(waits.all, 0.99)},
                                {"workers", static_cast<double>(waits.all.size())},
                                {"events", static_cast<double>(waits.worst.size())}}});
  add_curve("home killed, a worker", waits, figures.back());
  figures.push_back({.row = 2,
                     .what = "2a runs of a packet beyond its first",
                     .value = again,
                     .unit = "runs",
                     .bar = {Bar::Op::kAtMost, 0},
                     .beside = {}});
  return true;
}

}  // namespace

Result<bool> cluster_keeper_killed(const ClusterBench& options, Figures& figures) {
  const auto lines =
      measure(options, "keeper", "waits", options.quick ? 1 : 20, {options.quick ? "100" : "1000"});
  if (!lines) return tl::unexpected(lines.error());
  const Waits waits = waits_of(*lines, "waits");
  Figure figure = recovery(1, "keeper killed, to its packets moving again, p99", waits, 3.5);
  add_curve("keeper killed, a packet", waits, figure);
  const Waits others = waits_of(*lines, "others");
  figure.beside.emplace_back("packets of other keepers meanwhile, p50 s",
                             quantile(others.all, 0.5));
  figure.beside.emplace_back("the same, slowest, s", largest(others.all));
  figures.push_back(std::move(figure));
  return true;
}

Result<bool> cluster_home_killed(const ClusterBench& options, Figures& figures) {
  if (const auto done = attach(options, figures); !done) return done;
  const auto lines =
      measure(options, "next", "waits", options.quick ? 1 : 20, {options.quick ? "100" : "1000"});
  if (!lines) return tl::unexpected(lines.error());
  const Waits waits = waits_of(*lines, "waits");
  figures.push_back(
      recovery(2, "2b home killed with its members, to the next delivery, p99", waits, 3.5));
  add_curve("members killed, a packet", waits, figures.back());
  return true;
}

Result<bool> cluster_leave(const ClusterBench& options, Figures& figures) {
  const auto lines =
      measure(options, "leave", "left", options.quick ? 1 : 20, {options.quick ? "100" : "1000"});
  if (!lines) return tl::unexpected(lines.error());
  const Waits waits = waits_of(*lines, "waits");
  std::vector<double> over;  // what the raw sync of its minute does not excuse
  std::vector<double> syncs;
  std::vector<double> leaves;
  double errors = 0;
  double runs = 0;
  double again = 0;
  for (const Words& words : *lines) {
    if (words.front() != "left" || over.size() == waits.worst.size()) continue;
    syncs.push_back(number_after(words, "sync"));
    over.push_back((waits.worst[over.size()] - 10 * syncs.back()) * 1000);
    leaves.push_back(number_after(words, "leave"));
    errors += number_after(words, "errors");
    runs += number_after(words, "runs");
    again += number_after(words, "again");
  }
  figures.push_back({.row = 3,
                     .what = "host leaves: longest wait of a packet, less 10 raw syncs",
                     .value = largest(over),
                     .unit = "ms",
                     .bar = {Bar::Op::kAtMost, 200},
                     .beside = {{"median leave: its longest wait, ms", median(waits.worst) * 1000},
                                {"p99 of all calls, ms", quantile(waits.all, 0.99) * 1000},
                                {"p50 of all calls, ms", quantile(waits.all, 0.5) * 1000},
                                {"calls", static_cast<double>(waits.all.size())},
                                {"raw sync, ms", median(syncs) * 1000},
                                {"the leave itself, s", median(leaves)},
                                {"leaves", static_cast<double>(leaves.size())}}});
  add_curve("host leaves, a call", waits, figures.back());
  figures.push_back({.row = 3,
                     .what = "host leaves: runs of a packet beyond its first",
                     .value = runs,
                     .unit = "runs",
                     .bar = {Bar::Op::kAtMost, 0},
                     .beside = {}});
  figures.push_back({.row = 3,
                     .what = "host leaves: refusals that clients saw",
                     .value = errors,
                     .unit = "calls",
                     .bar = {Bar::Op::kAtMost, 0},
                     .beside = {{"calls made again at another host", again}}});
  return true;
}

Result<bool> cluster_slots(const ClusterBench& options, Figures& figures) {
  const auto lines =
      measure(options, "slots", "slots", options.quick ? 2 : 20, {options.quick ? "100" : "1000"});
  if (!lines) return tl::unexpected(lines.error());
  double moved = 0;
  double members = 0;
  std::vector<double> shares;
  for (const Words& words : *lines) {
    if (words.size() != 5 || words[0] != "slots") continue;
    moved += number(words, 2);
    if (words[1] == "join") shares.push_back(number(words, 3) * 100);
    members += number(words, 4);
  }
  const auto count = static_cast<double>(lines->size());
  figures.push_back({.row = 7,
                     .what = "joins and leaves: slots that moved between hosts that stayed",
                     .value = moved,
                     .unit = "slots",
                     .bar = {Bar::Op::kAtMost, 0},
                     .beside = {{"joins and leaves", count}}});
  figures.push_back({.row = 7,
                     .what = "a joiner's share of the slots, off from its weight's, most",
                     .value = largest(shares),
                     .unit = "%",
                     .bar = {Bar::Op::kAtMost, 12},
                     .beside = {{"median, %", median(shares)}}});
  figures.push_back({.row = 7,
                     .what = "joins and leaves: members whose v-nodes moved",
                     .value = members,
                     .unit = "members",
                     .bar = {Bar::Op::kAtMost, 0},
                     .beside = {}});
  return true;
}

Result<bool> cluster_changes(const ClusterBench& options, Figures& figures) {
  const auto lines = measure(options, "crowd", "crowd", 1,
                             options.quick ? Words{"20", "100", "3"} : Words{"1000", "500", "30"});
  if (!lines) return tl::unexpected(lines.error());
  const Waits waits = waits_of(*lines, "waits");
  const Words& crowd = lines->back();
  figures.push_back({.row = 6,
                     .what = "a change of a member, to every one of 5 hosts knowing it, p99",
                     .value = quantile(waits.all, 0.99) * 1000,
                     .unit = "ms",
                     .bar = {Bar::Op::kAtMost, 250},
                     .beside = {{"p50, ms", quantile(waits.all, 0.5) * 1000},
                                {"slowest, ms", largest(waits.all) * 1000},
                                {"changes looked for", static_cast<double>(waits.all.size())},
                                {"never known everywhere", number_after(crowd, "missing")},
                                {"changes a second", number_after(crowd, "rate")}}});
  return true;
}

}  // namespace phoenix::bench
