// One handoff at a time between two members on two hosts, each in a process and on a processor of
// its own, against a program that only signs, sends and verifies. In turns, so that a mood of the
// machine is one of both.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench/clock.h"
#include "bench/folder.h"
#include "bench/lineage/pair/floor.h"
#include "bench/lineage/pair/member.h"
#include "bench/lineage/pair/pair_host.h"
#include "bench/lineage/rows.h"
#include "bench/workload.h"
#include "store/memory/memory_store.h"
#include "store/sqlite/sqlite_store.h"

namespace phoenix::bench {
namespace {

constexpr int kOfARound = 50;
constexpr uint32_t kRoom = 1'000'000;

// The receiver's process: its host, and its own code in it.
void be_home(int control, int packets) {
  EventLoop loop;
  auto home = PairHost::start(loop, PairHost::Role::kHome, make_memory_store());
  if (!home) return;
  (*home)->know_packets(packets);
  if (!write_line(control, (*home)->address())) return;
  (*home)->join(read_line(control));
  {
    bool told = false;
    // Gone afterwards: nobody reads the line, so it would be called on and on.
    const auto watch = loop.watch_readable(control, [&told] { told = true; });
    if (!(*home)->run_until([&] { return told && (*home)->together(); })) return;
  }
  SigningMember receiver((*home)->host(), kPairReceiver, kRoom);
  receiver.join(kPairGiver);
  (*home)->run_until([&] { return receiver.here() || !receiver.refusal().empty(); });
  write_line(control, receiver.here() ? "here" : receiver.refusal());
  // Until the other process ends this one.
  for (;;) loop.run_one_for(std::chrono::seconds(1));
}

// The giver's process, and its packets.
class Pair {
 public:
  static Result<std::unique_ptr<Pair>> start(std::unique_ptr<OtherProcess> home,
                                             std::unique_ptr<Store> store, int packets) {
    std::unique_ptr<Pair> pair(new Pair(std::move(home)));
    auto keeper = PairHost::start(pair->loop_, PairHost::Role::kKeeper, std::move(store));
    if (!keeper) return tl::unexpected(keeper.error());
    pair->keeper_ = std::move(*keeper);
    pair->giver_ = std::make_unique<SigningMember>(pair->keeper_->host(), kPairGiver, kRoom);
    if (auto ready = pair->prepare(packets); !ready) return tl::unexpected(ready.error());
    return pair;
  }

  Result<Duration> hand_off(const std::shared_ptr<const Content>& context) {
    auto& held = giver_->held();
    if (held.empty()) return fail(ErrorKind::kInternal, "the giver has nothing left");
    SigningMember::Held what = std::move(held.front());
    held.pop_front();
    Duration took{};
    std::string refused;
    const Duration begin = wall_clock();
    giver_->hand_off(std::move(what), kPairReceiver, context, [&](const std::string& why) {
      took = wall_clock() - begin;  // its host goes on with what it has to tell the receiver's
      refused = why;
    });
    if (!keeper_->run_until([&] { return took != Duration{}; })) {
      return fail(ErrorKind::kInternal, "a handoff was not answered");
    }
    if (!refused.empty()) return fail(ErrorKind::kInternal, "a handoff was refused: " + refused);
    // One at a time: this one is over when its receiver has been handed the packet.
    ++handed_;
    if (!keeper_->run_until([&] { return keeper_->taken() == handed_; })) {
      return fail(ErrorKind::kInternal, "a packet was not delivered");
    }
    return took;
  }
  const Stats& stats() const { return keeper_->host().node().stats(); }

 private:
  explicit Pair(std::unique_ptr<OtherProcess> home) : home_(std::move(home)) {}

  Result<bool> prepare(int packets) {
    const std::string address = read_line(home_->fd());
    if (address.empty()) return fail(ErrorKind::kInternal, "the other host has not started");
    write_line(home_->fd(), keeper_->address());
    keeper_->join(address);
    if (!keeper_->run_until([&] { return keeper_->together(); })) {
      return fail(ErrorKind::kInternal, "the hosts have not come together");
    }
    giver_->join(kPairReceiver);
    // All are its own before there is anybody else who could have them.
    const bool here = keeper_->run_until([&] { return giver_->here(); });
    if (!here) return fail(ErrorKind::kInternal, "the giver was refused: " + giver_->refusal());
    for (int first = 0; first < packets; first += 100) submit(first);
    const auto all = [&] { return giver_->held().size() == static_cast<size_t>(packets); };
    if (!keeper_->run_until(all)) return fail(ErrorKind::kInternal, "packets are missing");
    write_line(home_->fd(), "join");
    const MemberKey receiver(kNamespace, kPairReceiver);
    bool told = false;
    const auto watch = keeper_->loop().watch_readable(home_->fd(), [&told] { told = true; });
    const auto known = [&] {
      return told && keeper_->host().node().find_member(receiver).has_value();
    };
    if (!keeper_->run_until(known)) return fail(ErrorKind::kInternal, "no receiver is there");
    const std::string answer = read_line(home_->fd());
    if (answer != "here") return fail(ErrorKind::kInternal, "the receiver was refused: " + answer);
    return true;
  }
  void submit(int first) {
    const auto payload = json_content(100, 1);
    Submit submit;
    for (int i = 0; i < 100; ++i) {
      submit.items.emplace_back(submit_item(static_cast<uint64_t>(first + i), {"work"}, payload));
    }
    Caller principal;
    principal.principal = "bench";
    keeper_->host().send(principal, std::nullopt, std::move(submit), [](const Reply&) {});
  }

  std::unique_ptr<OtherProcess> home_;
  EventLoop loop_;
  std::unique_ptr<PairHost> keeper_;
  std::unique_ptr<SigningMember> giver_;
  uint64_t handed_ = 0;
};

double p50_micros(const Samples& samples) { return in_micros(samples.quantile(500)); }

// Who makes it durable, our keeper and the floor's receiver, stays on the same processor: a disk's
// interrupts come to one of them, and a sync waits for longer on another.
constexpr int kSyncing = 1;
constexpr int kOther = 0;

struct Measured {
  double ours = 0;
  double floor = 0;
  double checked = 0;  // with the answer's signature checked, as ours is
  std::vector<std::pair<std::string, double>> phases;
};

Result<Measured> measure(int rounds, std::unique_ptr<Store> store, const std::string& file) {
  // Forked before this process has threads.
  auto floor = Floor::start(kSyncing, file);
  if (!floor) return tl::unexpected(floor.error());
  const int packets = 100 * ((rounds + 1) * kOfARound / 100 + 1);
  auto home = OtherProcess::start(kOther, [packets](int control) { be_home(control, packets); });
  if (!home) return tl::unexpected(home.error());
  auto pair = [&] {
    const Pinned pinned(kSyncing);  // and so are the threads that it starts
    return Pair::start(std::move(*home), std::move(store), packets);
  }();
  if (!pair) return tl::unexpected(pair.error());
  const auto context = json_content(kPairContextBytes, 3);
  std::vector<double> ours;
  std::vector<double> theirs;
  std::vector<double> checked;
  for (int round = 0; round <= rounds; ++round) {
    {
      const Pinned pinned(kSyncing);
      for (int i = 0; i < kOfARound; ++i) {
        const auto took = (*pair)->hand_off(context);
        if (!took) return tl::unexpected(took.error());
        if (round > 0) ours.push_back(in_micros(*took));  // the first round warms all up
      }
    }
    const Pinned pinned(kOther);
    for (int i = 0; i < kOfARound; ++i) {
      const auto took = (*floor)->hand_off(context->data);
      if (!took) return fail(ErrorKind::kInternal, "the floor's receiver is gone");
      if (round == 0) continue;
      theirs.push_back(in_micros(took->answered));
      checked.push_back(in_micros(took->checked));
    }
  }
  Measured found{median(ours), median(theirs), median(checked), {}};
  for (int i = 0; i < kHandoffPhases; ++i) {
    const Samples& phase = (*pair)->stats().handoff_phases[static_cast<size_t>(i)];
    if (phase.count() == 0) continue;
    found.phases.emplace_back(std::string(handoff_phase_name(static_cast<HandoffPhase>(i))) + " us",
                              p50_micros(phase));
  }
  return found;
}

void tell(int row, const char* what, double bar, const Measured& found, Figures& figures) {
  std::vector<std::pair<std::string, double>> beside = {
      {"ours p50 us", found.ours},
      {"floor p50 us", found.floor},
      {"floor that checks the answer p50 us", found.checked},
      {"ours / that", found.ours / found.checked}};
  beside.insert(beside.end(), found.phases.begin(), found.phases.end());
  figures.push_back(
      {row, what, found.ours / found.floor, "x", {Bar::Op::kAtMost, bar}, std::move(beside)});
}

}  // namespace

Result<bool> one_handoff_row(const LineageBench& options, Figures& figures) {
  const auto found = measure(options.quick ? 2 : 40, make_memory_store(), "");
  if (!found) return tl::unexpected(found.error());
  tell(1, "one handoff of 2 KiB, p50 / floor", 1.6, *found, figures);
  const auto over_rest = rest_handoffs(options.quick ? 50 : 2'000);
  if (!over_rest) return tl::unexpected(over_rest.error());
  figures.push_back({1,
                     "the same between member processes over HTTP, p50",
                     median(*over_rest),
                     "ms",
                     {Bar::Op::kAtMost, 1.5},
                     {{"p99 ms", quantile(*over_rest, 0.99)}}});
  return true;
}

Result<bool> durable_handoff_row(const LineageBench& options, Figures& figures) {
  const ScratchFolder folder(options.disk_folder);
  auto store = open_sqlite_store(folder.file("keeper.db"));
  if (!store) return tl::unexpected(store.error());
  const auto found = measure(options.quick ? 2 : 40, std::move(*store), folder.file("floor"));
  if (!found) return tl::unexpected(found.error());
  tell(2, "one durable handoff of 2 KiB, p50 / durable floor", 1.7, *found, figures);
  return true;
}

}  // namespace phoenix::bench
