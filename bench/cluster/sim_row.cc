// Row 8: what the simulator takes for a large pool: `phoenix sim` as a process of its own, in which
// every host is a whole one, with all members' records and v-nodes, and every step is checked.

#include <fmt/format.h>

#include <charconv>
#include <fstream>

#include "bench/child_process.h"
#include "bench/cluster/rows.h"
#include "bench/folder.h"

namespace phoenix::bench {
namespace {

struct Size {
  size_t hosts;
  size_t workers;  // each with one to three members
  int virtual_seconds;
  size_t packets_of_host = 50;
  int look_every = 60;                // virtual seconds
  const char* come = "300ms 1500ms";  // when its workers come
  const char* submit = "400ms";       // when packets begin to
};

// Workers that are lost only by their own fault, packets all the while, nothing broken: a long run
// of a pool as it should be. All of it is looked at once in a while, for that alone takes longer
// than the hosts.
std::string script(const Size& size) {
  return fmt::format(
      "hosts {}\nworkers {}\ncome {}\nsubmit {}\npackets {}\nclerks 0\nlease 30 60\n"
      "network perfect\nfaults none\n"
      "run {}s\nrest 120s\nlook {}s\nseeds 1 1\n",
      size.hosts, size.workers, size.come, size.submit, size.packets_of_host * size.hosts,
      size.virtual_seconds, size.look_every);
}

// The number behind `name` in what the simulator says at its end; 0 where it is not.
double told(const std::string& text, const std::string& name) {
  const size_t at = text.find(" " + name + " ");
  return at == std::string::npos ? 0 : std::strtod(text.c_str() + at + name.size() + 2, nullptr);
}

struct Played {
  ChildUsage usage;
  double packets = 0;
  double members = 0;
};

Result<Played> play(const ClusterBench& options, const Size& size) {
  const ScratchFolder folder(options.disk_folder);
  const std::string file = folder.file("scenario.txt");
  std::ofstream(file) << script(size);
  const auto child =
      ChildProcess::start({options.program, "sim", "--hosts", std::to_string(size.hosts), "--seed",
                           "1", "--scenario", file});
  if (!child) return tl::unexpected(child.error());
  std::string text;
  for (std::string line = (*child)->line(); !line.empty(); line = (*child)->line()) {
    text += line + "\n";
  }
  Played played;
  played.usage = (*child)->wait();
  if (played.usage.exit_code != 0) return fail(ErrorKind::kInternal, "the simulator says: " + text);
  played.packets = told(text, "completed");
  played.members = told(text, "members-known");
  return played;
}

// 1.75 members a worker on average.
constexpr double kMembersOfWorker = 1.75;

// What a pool takes that is too large for a virtual hour of it.
Result<bool> measure_memory(const ClusterBench& options, Figures& figures) {
  const Size size{.hosts = options.simulated_hosts,
                  .workers = static_cast<size_t>(static_cast<double>(options.simulated_members) /
                                                 kMembersOfWorker),
                  .virtual_seconds = options.quick ? 10 : 300,
                  .packets_of_host = 10,
                  .look_every = 120,
                  // To a pool that stands: of a thousand hosts the last come after three seconds,
                  // and packets that wait would have the room of each newcomer shared by all hosts.
                  .come = "5s 7s",
                  .submit = "9s"};
  const auto played = play(options, size);
  if (!played) return tl::unexpected(played.error());
  const double pairs = static_cast<double>(size.hosts) * played->members;
  figures.push_back({.row = 8,
                     .what = fmt::format("{} hosts, {:.0f} members, {} virtual seconds: memory",
                                         size.hosts, played->members, size.virtual_seconds),
                     .value = played->usage.most_bytes / 1073741824,
                     .unit = "GiB",
                     .bar = {Bar::Op::kAtMost, 16},
                     .beside = {{"a member at a host, bytes", played->usage.most_bytes / pairs},
                                {"processor time, minutes", played->usage.processor_seconds / 60},
                                {"packets completed", played->packets}}});
  return true;
}

}  // namespace

bool parse_pool(const std::string& text, ClusterBench& options) {
  const char* const end = text.data() + text.size();
  const auto hosts = std::from_chars(text.data(), end, options.simulated_hosts);
  if (hosts.ec != std::errc() || hosts.ptr == end || *hosts.ptr != 'x') return false;
  const auto members = std::from_chars(hosts.ptr + 1, end, options.simulated_members);
  const bool whole = members.ec == std::errc() && members.ptr == end;
  return whole && options.simulated_hosts > 0 && options.simulated_members > 0;
}

Result<bool> cluster_simulation(const ClusterBench& options, Figures& figures) {
  if (options.simulated_hosts > 0) return measure_memory(options, figures);
  Size size = options.quick ? Size{10, 57, 20} : Size{100, 5'714, 60};
  const int more = options.quick ? 40 : 600;
  // Making the pool is dear and done once: the second run is the first one, and goes on.
  const auto begun = play(options, size);
  if (!begun) return tl::unexpected(begun.error());
  const double rest_of_hour = (3'600.0 - size.virtual_seconds) / more;
  size.virtual_seconds += more;
  const auto played = play(options, size);
  if (!played) return tl::unexpected(played.error());
  const double begin = begun->usage.processor_seconds;
  const double went_on = played->usage.processor_seconds - begin;
  figures.push_back(
      {.row = 8,
       .what = fmt::format("{} hosts, {:.0f} members: processor time of a virtual hour", size.hosts,
                           played->members),
       .value = (begin + went_on * rest_of_hour) / 60,
       .unit = "minutes",
       .bar = {Bar::Op::kAtMost, 10},
       .beside = {{"its begin, s", begin},
                  {"a virtual second after that, ms", went_on / more * 1000},
                  {"virtual seconds that were played", static_cast<double>(size.virtual_seconds)},
                  {"packets completed", played->packets},
                  {"most memory, GiB", played->usage.most_bytes / 1073741824}}});
  return true;
}

}  // namespace phoenix::bench
