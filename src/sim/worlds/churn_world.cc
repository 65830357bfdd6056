#include "sim/worlds/churn_world.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>

#include "sim/env.h"
#include "sim/host.h"
#include "sim/process.h"

namespace phoenix::sim {

namespace {

constexpr Duration kStep = seconds(1);
constexpr Duration kRestAtMost = seconds(240);
constexpr std::string_view kCapabilities = "abcd";

class Run {
 public:
  Run(const ChurnWorld& world, uint64_t seed, int64_t steps, bool print_trace)
      : world_(world),
        steps_(steps),
        prng_(seed),
        trace_(print_trace),
        host_(queue_, trace_, checks_, faults_, prng_.fork()),
        network_(queue_, faults_, prng_.fork()),
        env_{queue_, network_, checks_, trace_, [this] { return host_.wall(); }, false, {}} {
    network_.add_door(host_);
    result_.world = &world;
    result_.seed = seed;
    result_.steps = static_cast<uint64_t>(steps);
  }

  ChurnResult run() {
    host_.start();
    for (int64_t i = 0; i < world_.members; ++i) join();
    play_until(queue_.now() + kStep);
    for (int64_t step = 0; step < steps_ && !checks_.violation(); ++step) {
      if (prng_.below(1'000) < static_cast<uint64_t>(world_.join_per_mille)) {
        join();
        ++result_.joins;
      }
      if (prng_.below(1'000) < static_cast<uint64_t>(world_.leave_per_mille)) leave();
      for (int64_t i = 0; i < world_.packets_per_step; ++i) {
        queue_.after(milliseconds(prng_.between(0, 999)), [this] { submit(); });
      }
      play_until(queue_.now() + kStep);
      look_at_load();
    }
    rest();
    conclude();
    return result_;
  }

 private:
  void play_until(Instant until) {
    while (!queue_.empty() && !checks_.violation() && queue_.now() < until) queue_.run_next();
  }

  MemberRecord draw_member() {
    MemberRecord record;
    record.key = MemberKey(kNamespace, fmt::format("m{}", ++named_));
    for (const char letter : kCapabilities) {
      if (prng_.chance(2, 3)) record.capabilities.emplace_back(1, letter);
    }
    record.max_load = 2;
    record.trust = static_cast<uint32_t>(prng_.between(700, 1'000));
    record.reliability = static_cast<uint32_t>(prng_.between(700, 1'000));
    return record;
  }

  Process& add(MemberRecord record) {
    Shape shape;
    shape.name = std::string(record.key.id());
    shape.members.push_back(std::move(record));
    shape.streams = true;
    shape.grace_ms = 200;
    shape.heartbeats = true;
    shape.by_member = true;
    shape.poll_max = 2;
    processes_.push_back(std::make_unique<Process>(env_, std::move(shape), prng_.fork()));
    checks_.add_worker(processes_.back().get());
    return *processes_.back();
  }

  void join() { add(draw_member()).start(std::nullopt, false); }

  // Half of them say so before, the others are gone from one moment to the next.
  void leave() {
    std::vector<Process*> staying;
    for (const auto& process : processes_) {
      if (process->attached() && !leaving_.contains(process.get()))
        staying.push_back(process.get());
    }
    if (staying.size() < 2) return;  // somebody has to do the work
    Process* process = staying[prng_.below(staying.size())];
    leaving_.insert(process);
    if (prng_.chance(1, 2)) {
      process->drain(5);
      ++result_.drains;
    } else {
      process->kill();
      ++result_.deaths;
    }
  }

  void submit() {
    SubmitItem item;
    item.key = PacketKey(kNamespace, fmt::format("p{}", ++result_.packets));
    item.required.emplace_back(1, kCapabilities[prng_.below(kCapabilities.size())]);
    PacketSpec spec;
    spec.create_digest = digest_of("create " + item.key.text());
    item.spec = std::make_shared<const PacketSpec>(std::move(spec));
    item.payload = std::make_shared<const Content>(json_content("\"" + item.key.text() + "\""));
    Command command;
    command.caller.principal = "client";
    Submit body;
    body.single = true;
    body.items.emplace_back(std::move(item));
    command.body = std::move(body);
    static const Link kClientLink;
    (void)network_.send(kClientLink, std::move(command), [this](const Reply* reply) {
      const auto* error = reply == nullptr ? nullptr : std::get_if<Error>(&reply->body);
      if (error != nullptr) {
        checks_.violate(Invariant::kFence, "a submit was refused: " + describe(reply->body));
      }
    });
  }

  void look_at_load() {
    if (host_.node() == nullptr) return;
    double sum = 0;
    double squares = 0;
    double most = 0;
    double count = 0;
    for (const auto& member : host_.node()->members()) {
      if (member.record->status != MemberStatus::kActive) continue;
      const double load =
          static_cast<double>(member.current_load) / static_cast<double>(member.record->max_load);
      sum += load;
      squares += load * load;
      most = std::max(most, load);
      ++count;
    }
    if (count == 0 || sum == 0) return;
    const double mean = sum / count;
    stddev_sum_ += std::sqrt(std::max(0.0, squares / count - mean * mean));
    max_sum_ += most / mean;
    ++looks_;
  }

  // Nobody comes or goes any more, and all that there is ends.
  void rest() {
    env_.calm = true;
    MemberRecord helper = draw_member();
    helper.capabilities = {"a", "b", "c", "d"};
    helper.max_load = 1'000;
    add(std::move(helper)).start(std::nullopt, false);
    const Instant by = queue_.now() + kRestAtMost;
    while (!queue_.empty() && !checks_.violation() && !checks_.shadow().live().empty() &&
           queue_.now() < by) {
      queue_.run_next();
    }
    if (checks_.violation() || checks_.shadow().live().empty()) return;
    checks_.violate(Invariant::kOwnedOrParked, fmt::format("{} packets do not come to an end",
                                                           checks_.shadow().live().size()));
  }

  void conclude() {
    result_.hash = trace_.hash();
    result_.violation = checks_.violation();
    result_.ended = result_.packets - checks_.shadow().live().size();
    if (looks_ > 0) {
      result_.load_stddev = stddev_sum_ / looks_;
      result_.load_max_over_mean = max_sum_ / looks_;
    }
    if (host_.node() == nullptr) return;
    const Stats& stats = host_.node()->stats();
    result_.moved = stats.rebalance_moved;
    result_.had_to_move = stats.rebalance_minimum;
    result_.handoffs = stats.handoff.count();
    result_.handoff_p50 = stats.handoff.quantile(500);
    result_.handoff_p99 = stats.handoff.quantile(990);
    result_.handoff_max = stats.handoff.max();
    result_.gap_p99 = stats.ownership_gap.quantile(990);
  }

  const ChurnWorld& world_;
  int64_t steps_;
  Prng prng_;
  EventQueue queue_;
  FaultCounts faults_;
  Trace trace_;
  Checks checks_;
  Host host_;
  Network network_;
  Env env_;
  std::vector<std::unique_ptr<Process>> processes_;
  std::set<const Process*> leaving_;
  size_t named_ = 0;
  double stddev_sum_ = 0;
  double max_sum_ = 0;
  double looks_ = 0;
  ChurnResult result_;
};

double in_ms(Duration value) { return static_cast<double>(value.ns) / 1e6; }

// Where nothing had to move, nothing was moved for nothing.
double ratio_of(const ChurnResult& result) {
  return result.had_to_move == 0
             ? 1.0
             : static_cast<double>(result.moved) / static_cast<double>(result.had_to_move);
}

}  // namespace

const std::vector<ChurnWorld>& churn_worlds() {
  static const std::vector<ChurnWorld> kWorlds = {{"low-churn", 20, 10, 10, 24},
                                                  {"moderate-churn", 20, 50, 50, 24},
                                                  {"high-churn", 20, 150, 150, 24},
                                                  {"agent-swarm", 50, 100, 100, 60}};
  return kWorlds;
}

const ChurnWorld* find_churn_world(std::string_view name) {
  for (const ChurnWorld& world : churn_worlds()) {
    if (world.name == name) return &world;
  }
  return nullptr;
}

ChurnResult run_churn(const ChurnWorld& world, uint64_t seed, int64_t steps, bool print_trace) {
  return Run(world, seed, steps, print_trace).run();
}

std::string churn_table(const std::vector<ChurnResult>& results) {
  std::string out = fmt::format(
      "{:<14}  {:>6}  {:>5}  {:>5}  {:>6}  {:>6}  {:>7}  {:>6}  {:>8}  "
      "{:>5}  {:>5}  {:>11}  {:>11}\n",
      "WORLD", "SEED", "STEPS", "JOINS", "DRAINS", "DEATHS", "PACKETS", "LOAD σ", "MAX/MEAN",
      "MOVED", "RATIO", "HANDOFF p50", "HANDOFF p99");
  for (const ChurnResult& each : results) {
    out += fmt::format(
        "{:<14}  {:>6}  {:>5}  {:>5}  {:>6}  {:>6}  {:>7}  {:>6.3f}  {:>8.2f}  "
        "{:>5}  {:>5.3f}  {:>8.2f} ms  {:>8.2f} ms\n",
        each.world->name, each.seed, each.steps, each.joins, each.drains, each.deaths, each.packets,
        each.load_stddev, each.load_max_over_mean, each.moved, ratio_of(each),
        in_ms(each.handoff_p50), in_ms(each.handoff_p99));
  }
  return out;
}

std::string churn_json(const ChurnResult& result) {
  return fmt::format(
      "{{\"world\":\"{}\",\"seed\":{},\"steps\":{},\"joins\":{},\"drains\":{},\"deaths\":{},"
      "\"packets\":{},\"ended\":{},\"load\":{{\"stddev\":{:.6f},\"maxOverMean\":{:.6f}}},"
      "\"rebalancing\":{{\"moved\":{},\"minimum\":{},\"ratio\":{:.6f}}},"
      "\"handoffMs\":{{\"count\":{},\"p50\":{:.3f},\"p99\":{:.3f},\"max\":{:.3f}}},"
      "\"ownershipGapMs\":{{\"p99\":{:.3f}}},\"hash\":\"{:016x}\",\"violation\":{}}}\n",
      result.world->name, result.seed, result.steps, result.joins, result.drains, result.deaths,
      result.packets, result.ended, result.load_stddev, result.load_max_over_mean, result.moved,
      result.had_to_move, ratio_of(result), result.handoffs, in_ms(result.handoff_p50),
      in_ms(result.handoff_p99), in_ms(result.handoff_max), in_ms(result.gap_p99), result.hash,
      violation_json(result.violation));
}

}  // namespace phoenix::sim
