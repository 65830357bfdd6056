// Row 11: what the ring is worth where it is used: the rate of the core alone (row 4 of the host's
// table) on our ring, beside that on a plain sorted array, which only a program of its own can have
// in its place. The two take turns.

#include <fmt/format.h>

#include <cstdlib>
#include <string>

#include "bench/child_process.h"
#include "bench/ring/rows.h"
#include "bench/ring/timing.h"

namespace phoenix::bench {
namespace {

struct Shape {
  size_t members;
  size_t live;
  size_t wanted;
  // Ten times what is live, in all: a pool with room.
  size_t max_load() const { return 10 * live / members; }
};

Result<double> rate_of(const std::string& program, const Shape& shape) {
  const auto child =
      ChildProcess::start({program, std::to_string(shape.members), std::to_string(shape.live),
                           std::to_string(shape.wanted), std::to_string(shape.max_load())});
  if (!child) return tl::unexpected(child.error());
  const std::string line = (*child)->line();
  const double rate = std::strtod(line.c_str(), nullptr);
  if (rate <= 0) return fail(ErrorKind::kInternal, program + " gave no rate: '" + line + "'");
  return rate;
}

Result<bool> compare(const std::string& folder, const Shape& shape, int rounds, Bar bar,
                     Figures& figures) {
  std::vector<double> ours;
  std::vector<double> plain;
  for (int round = 0; round < rounds; ++round) {
    for (auto& [name, rates] :
         {std::pair<const char*, std::vector<double>&>{"ring", ours}, {"sorted_array", plain}}) {
      const auto rate = rate_of(folder + "/core_rate_" + name, shape);
      if (!rate) return tl::unexpected(rate.error());
      rates.push_back(*rate);
    }
  }
  Figure figure = {.row = 11,
                   .what = fmt::format("core rate, ours / sorted array, {} members", shape.members),
                   .value = median_ratio(ours, plain),
                   .unit = "ratio",
                   .bar = bar,
                   .beside = {}};
  figure.beside.emplace_back("ours, packets/s", median(ours));
  figure.beside.emplace_back("sorted array, packets/s", median(plain));
  figure.beside.emplace_back("live packets", static_cast<double>(shape.live));
  figures.push_back(std::move(figure));
  return true;
}

}  // namespace

Result<bool> ring_core(const RingOptions& options, Figures& figures) {
  pin_thread();  // and with it the programs that it starts
  const std::string& folder = options.program_folder;
  const size_t live = options.quick ? 2'000 : 100'000;
  const size_t wanted = options.quick ? 2'000 : 100'000;
  const int rounds = options.quick ? 1 : kRounds;
  const auto small =
      compare(folder, {100, live, wanted}, rounds, {Bar::Op::kAtLeast, 0.95}, figures);
  if (!small) return small;
  return compare(folder, {options.quick ? size_t{1'000} : size_t{10'000}, live, wanted}, rounds,
                 {Bar::Op::kAtLeast, 1.0}, figures);
}

}  // namespace phoenix::bench
