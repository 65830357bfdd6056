// Rows 1, 3 and 10: real processes beside Debian's `serf agent`. Pools are made, killed and watched
// by measure.py, out of the parts that the tests of interoperation are made of; here its words
// become figures.

#include <fmt/format.h>

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "bench/membership/rows.h"
#include "bench/script.h"

namespace phoenix::bench {
namespace {

Result<std::vector<Words>> measure(const MembershipBench& options, const Words& words) {
  return run_script(options.program, PHOENIX_MEASURE, words);
}

struct Losses {
  std::string way;
  // By kind: seconds until the first and until the last of the others knew.
  std::map<std::string, std::vector<double>> first, last;
};

Result<Losses> losses(const MembershipBench& options, const char* verb, int hosts, int times) {
  const auto lines = measure(options, {verb, std::to_string(hosts), std::to_string(times)});
  if (!lines) return tl::unexpected(lines.error());
  Losses found;
  for (const Words& words : *lines) {
    if (words[0] == "way") {
      for (size_t i = 1; i < words.size(); ++i) found.way += (i > 1 ? " " : "") + words[i];
    } else if (words[0] == "loss" && words.size() == 4) {
      found.first[words[1]].push_back(number(words, 2));
      found.last[words[1]].push_back(number(words, 3));
    }
  }
  if (found.last["ours"].size() != static_cast<size_t>(times) ||
      found.last["serf"].size() != static_cast<size_t>(times)) {
    return fail(ErrorKind::kInternal, fmt::format("{} of {} hosts was cut short", verb, hosts));
  }
  return found;
}

// Two figures where the pool is small, else one.
Result<bool> lose(const MembershipBench& options, const char* verb, const char* what, int hosts,
                  double seconds, Figures& figures) {
  const int times = options.quick ? 3 : 10;
  auto found = losses(options, verb, hosts, times);
  if (!found) return tl::unexpected(found.error());
  const std::string title = fmt::format("{}, {} hosts ({})", what, hosts, found->way);
  const double ours = median(found->last["ours"]);
  const double serf = median(found->last["serf"]);
  const std::vector<std::pair<std::string, double>> beside = {
      {"ours, all know, s", ours},
      {"ours, the first knows, s", median(found->first["ours"])},
      {"ours, slowest of all, s", quantile(found->last["ours"], 1)},
      {"serf, all know, s", serf},
      {"serf, the first knows, s", median(found->first["serf"])},
      {"serf, slowest of all, s", quantile(found->last["serf"], 1)},
      {"times", times}};
  figures.push_back({.row = 3,
                     .what = title + ": until all know, ours / serf",
                     .value = serf > 0 ? ours / serf : 0,
                     .unit = "ratio",
                     .bar = {Bar::Op::kAtMost, 0.4},
                     .beside = beside});
  if (hosts == 3) {
    figures.push_back({.row = 3,
                       .what = title + ": until all know",
                       .value = ours,
                       .unit = "s",
                       .bar = {Bar::Op::kAtMost, seconds},
                       .beside = {{"serf, all know, s", serf}}});
  }
  return true;
}

// One figure: how many of what ran did not pass.
Result<bool> count(const MembershipBench& options, const Words& words, int row, const char* what,
                   const char* unit, Figures& figures) {
  const auto lines = measure(options, words);
  if (!lines) return tl::unexpected(lines.error());
  const Words& ran = lines->back();
  if (number(ran, 1) < 1) return fail(ErrorKind::kInternal, "nothing ran: " + words[0]);
  figures.push_back({.row = row,
                     .what = what,
                     .value = number(ran, 2),
                     .unit = unit,
                     .bar = {Bar::Op::kAtMost, 0},
                     .beside = {{words[0] == "corpora" ? "inputs" : "tests", number(ran, 1)}}});
  return true;
}

}  // namespace

Result<bool> membership_interop(const MembershipBench& options, Figures& figures) {
  const Words all = {"suite",           "agents:PlainPoolOfHost", "agents:SealedPoolOfHost",
                     "agents:OverIPv6", "keys:KeysOfHost",        "pool",
                     "restart"};
  return count(options, options.quick ? Words{"suite", "keys:KeysOfHost", "pool"} : all, 1,
               "pools with serf agents: tests that did not pass", "tests", figures);
}

Result<bool> membership_vectors(const MembershipBench& options, Figures& figures) {
  return count(options, {"vectors", PHOENIX_WIRE_TEST}, 2,
               "vectors and rules of the wire: tests that did not pass", "tests", figures);
}

Result<bool> membership_decoders(const MembershipBench& options, Figures& figures) {
  Words words = {"corpora"};
  std::istringstream in(PHOENIX_DECODERS);
  for (std::string word; std::getline(in, word, ' ');) words.push_back(word);
  return count(options, words, 9, "decoders that do not survive their corpus", "decoders", figures);
}

Result<bool> membership_detection(const MembershipBench& options, Figures& figures) {
  for (const int hosts : options.quick ? std::vector<int>{3} : std::vector<int>{3, 10, 32}) {
    const auto killed = lose(options, "loss", "3a kill -9", hosts, 2.2, figures);
    if (!killed) return killed;
    const auto cut = lose(options, "cut", "3b link dropped", hosts, 2.5, figures);
    if (!cut) return cut;
  }
  return true;
}

Result<bool> membership_moves(const MembershipBench& options, Figures& figures) {
  const auto lines = measure(options, {"move", options.quick ? "3" : "10"});
  if (!lines) return tl::unexpected(lines.error());
  std::map<std::string, std::vector<double>> seconds;
  for (const Words& words : *lines) {
    if (words[0] == "moved" && words.size() == 3) seconds[words[1]].push_back(number(words, 2));
  }
  for (const auto& [kind, what, bar] :
       {std::tuple{"ours", "hosts of ours", 2.0}, std::tuple{"serf", "Serf's agents", 90.0}}) {
    if (seconds[kind].empty()) return fail(ErrorKind::kInternal, "no move was measured");
    figures.push_back({.row = 10,
                       .what = fmt::format("restart at another address: until {} have it", what),
                       .value = quantile(seconds[kind], 1),
                       .unit = "s, slowest",
                       .bar = {Bar::Op::kAtMost, bar},
                       .beside = {{"median, s", median(seconds[kind])},
                                  {"times", static_cast<double>(seconds[kind].size())}}});
  }
  return true;
}

}  // namespace phoenix::bench
