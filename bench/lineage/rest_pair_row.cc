// Row 1, with the members in processes of their own that speak to their hosts over HTTP: the giver
// beside the keeper on one processor, the receiver beside its home on the other.
#include <chrono>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "bench/lineage/pair/other_process.h"
#include "bench/lineage/pair/pair_host.h"
#include "bench/lineage/pair/rest_member.h"
#include "bench/lineage/rows.h"
#include "bench/workload.h"
#include "store/memory/memory_store.h"

namespace phoenix::bench {
namespace {

constexpr int kKeeperProcessor = 0;
constexpr int kHomeProcessor = 1;

// Tells where it listens, is told where the other does, and says when both have come together.
void be_host(PairHost::Role role, int packets, int control) {
  EventLoop loop;
  auto host = PairHost::start(loop, role, make_memory_store());
  if (!host) return;
  if (role == PairHost::Role::kHome) (*host)->know_packets(packets);
  const auto url = (*host)->serve_rest();
  if (!url || !write_line(control, (*host)->address() + " " + *url)) return;
  (*host)->join(read_line(control));
  if (!(*host)->run_until([&] { return (*host)->together(); })) return;
  write_line(control, "together");
  // Until the process that measures ends this one.
  for (;;) loop.run_one_for(std::chrono::seconds(1));
}

struct HostProcess {
  std::unique_ptr<OtherProcess> process;
  std::string peer;
  std::string url;
};
Result<HostProcess> start_host(PairHost::Role role, int processor, int packets) {
  auto process = OtherProcess::start(
      processor, [role, packets](int control) { be_host(role, packets, control); });
  if (!process) return tl::unexpected(process.error());
  HostProcess host;
  host.process = std::move(*process);
  std::istringstream(read_line(host.process->fd())) >> host.peer >> host.url;
  if (host.url.empty()) return fail(ErrorKind::kInternal, "a host has not started");
  return host;
}

Result<bool> bring_together(const HostProcess& keeper, const HostProcess& home) {
  write_line(keeper.process->fd(), home.peer);
  write_line(home.process->fd(), keeper.peer);
  for (const HostProcess* host : {&keeper, &home}) {
    if (read_line(host->process->fd()) == "together") continue;
    return fail(ErrorKind::kInternal, "the hosts have not come together");
  }
  return true;
}

void be_receiver(const std::string& url, int control) {
  auto member = RestMember::join(url, kPairReceiver, kPairGiver);
  write_line(control, member ? "here" : member.error().detail);
  if (member) (*member)->accept_all();
}

}  // namespace

Result<std::vector<double>> rest_handoffs(int count) {
  const int packets = 100 * (count / 100 + 1);
  std::vector<std::string> ids;
  for (int i = 0; i < packets; ++i) {
    ids.emplace_back(packet_key(static_cast<uint64_t>(i)).id());
  }
  auto keeper = start_host(PairHost::Role::kKeeper, kKeeperProcessor, packets);
  if (!keeper) return tl::unexpected(keeper.error());
  auto home = start_host(PairHost::Role::kHome, kHomeProcessor, packets);
  if (!home) return tl::unexpected(home.error());
  if (auto both = bring_together(*keeper, *home); !both) return tl::unexpected(both.error());
  const Pinned pinned(kKeeperProcessor);
  auto giver = RestMember::join(keeper->url, kPairGiver, kPairReceiver);
  if (!giver) return tl::unexpected(giver.error());
  if (auto made = (*giver)->make_packets(ids); !made) return tl::unexpected(made.error());
  const auto receiver = OtherProcess::start(
      kHomeProcessor, [&home](int control) { be_receiver(home->url, control); });
  if (!receiver) return tl::unexpected(receiver.error());
  if (const std::string said = read_line((*receiver)->fd()); said != "here") {
    return fail(ErrorKind::kInternal, "the receiver was refused: " + said);
  }
  if (auto known = (*giver)->await_member(kPairReceiver); !known) {
    return tl::unexpected(known.error());
  }
  return (*giver)->hand_off_all({ids.begin(), ids.begin() + count}, kPairContextBytes);
}

}  // namespace phoenix::bench
