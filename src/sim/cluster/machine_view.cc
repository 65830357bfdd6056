#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "sim/cluster/machine.h"
#include "sim/env.h"

namespace phoenix::sim {

namespace {

constexpr Duration kBeatEvery = milliseconds(500);
// A hold so old is proposed for removal by whoever reaches the store.
constexpr Duration kLapse = seconds(5);

}  // namespace

std::string encode_view(const ClusterView& view) {
  std::string out;
  for (const ClusterHost& host : view.hosts) {
    out += fmt::format("{} {} {}\n", host.life.host, host.life.life, host.weight);
  }
  return out;
}

ClusterView decode_view(const PoolView& view) {
  ClusterView out;
  out.number = view.number;
  std::string_view rest = view.bytes;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    const std::string_view text = rest.substr(0, end);
    const size_t first = text.find(' ');
    const size_t second = text.rfind(' ');
    ClusterHost host;
    host.life.host = text.substr(0, first);
    (void)std::from_chars(text.data() + first + 1, text.data() + second, host.life.life);
    (void)std::from_chars(text.data() + second + 1, text.data() + text.size(), host.weight);
    out.hosts.push_back(std::move(host));
    rest.remove_prefix(end + 1);
  }
  return out;
}

// --- changing the view
// ----------------------------------------------------------------------------

// Reads the newest view, lets `change` make the next one of it, and swaps. Nothing: no answer came,
// somebody else was faster, or there was nothing to change.
void Machine::propose(std::function<bool(ViewSwap&, ClusterView&)> change,
                      std::function<void(std::optional<SwapAnswer>)> then) {
  auto answer = std::make_shared<std::optional<SwapAnswer>>();
  asks_.ask(
      [this, change = std::move(change), answer, life = life_] {
        env_.pool->clock_ns = env_.queue.now().ns;
        const PoolView newest = env_.pool->view();
        ClusterView view = decode_view(newest);
        ViewSwap swap;
        swap.proposer = life;
        swap.expected = newest.number;
        if (!change(swap, view)) return;
        swap.bytes = encode_view(view);
        auto swapped = env_.pool->swap_view(swap);
        if (!swapped) return;
        env_.rows.swapped(swap, *swapped);
        *answer = *swapped;
        if (swapped->outcome == SwapOutcome::kDone) {
          env_.disturb();
          std::string text;
          for (const ClusterHost& host : view.hosts) {
            text += fmt::format(" {}={}", text_of(host.life), host.weight);
          }
          line(fmt::format("* view {}:{}", swapped->newest.number, text));
        }
      },
      in_this_life([answer, then = std::move(then)](bool answered) {
        then(answered ? *answer : std::nullopt);
      }));
}

// --- entering
// -------------------------------------------------------------------------------------

void Machine::enter() {
  propose(
      [self = life_](ViewSwap& swap, ClusterView& view) {
        std::erase_if(view.hosts, [&](const ClusterHost& host) {
          if (host.life.host != self.host) return false;
          if (host.life != self) swap.leave.push_back(host.life);
          return true;
        });
        view.hosts.push_back(ClusterHost{self, 100});
        std::ranges::sort(view.hosts, {}, [](const ClusterHost& host) { return host.life.host; });
        swap.enter.push_back(self);
        return true;
      },
      [this](const std::optional<SwapAnswer>& answer) {
        if (answer && answer->outcome == SwapOutcome::kDone) return serve();
        if (answer && answer->outcome == SwapOutcome::kFenced) {
          end_life(false);
          return start();
        }
        env_.queue.after(milliseconds(prng_.between(50, 400)), [this, life = life_.life] {
          if (running_ && life_.life == life) enter();
        });
      });
}

// What it reads here may be older than its place in the view: as in the daemon, which finds the
// others by gossip only after that.
void Machine::recover() {
  struct Found {
    std::vector<MemberRecord> members;
    std::vector<SessionRecord> sessions;
    uint64_t floor = 0;
    PoolView view;
  };
  auto found = std::make_shared<Found>();
  asks_.ask(
      [this, found, life = life_] {
        RecoverSink sink;
        sink.member = [&](MemberRecord record) { found->members.push_back(std::move(record)); };
        sink.session = [&](SessionRecord record) { found->sessions.push_back(std::move(record)); };
        sink.incarnation_floor = [&](uint64_t floor) { found->floor = floor; };
        (void)MemoryHostStore(env_.pool, life).recover(sink);
      },
      in_this_life([this, found](bool answered) {
        if (!answered) return recover();
        ClusterConfig config;
        config.node.host = name_;
        config.node.ring_key = env_.ring_key;
        config.node.ring_catalogue = env_.catalogue;
        config.node.run = life_.life;
        config.node.self = life_;
        config.node.pool = "sim";
        config.node.signer = signer_of(name_);
        // Several pages, also of the few that there are; of a large pool they would be thousands.
        if (env_.links.few()) {
          config.records_in_page = std::max<size_t>(5, found->members.size() / 10);
        }
        cluster_ = std::make_unique<Cluster>(config);
        beats_ = std::make_unique<MemoryPoolStore>(env_.pool);
        for (MemberRecord& record : found->members) cluster_->recover(std::move(record));
        for (SessionRecord& record : found->sessions) cluster_->recover(std::move(record));
        cluster_->recover_incarnation_floor(found->floor);
        const bool slow = prng_.chance(1, 4);
        env_.queue.after(milliseconds(prng_.between(0, slow ? 2'000 : 50)),
                         [this, life = life_.life] {
                           if (running_ && life_.life == life) enter();
                         });
      }));
}

void Machine::serve() {
  serves_ = true;
  env_.disturb();
  input([this] {
    line("* serves");
    cluster_->ready(node_now());
  });
  beat();
}

// --- staying
// --------------------------------------------------------------------------------------

void Machine::beat() {
  beating_ = true;
  const Instant sent = node_now().mono;
  const uint64_t known = view_.number;
  auto answer = std::make_shared<Beat>();
  asks_.ask(
      [this, answer, known, life = life_] {
        if (!serves_ || life_ != life) return;  // a process that is gone hears no answer
        env_.pool->clock_ns = env_.queue.now().ns;
        *answer = *beats_->beat(life, known);
        if (!answer->fenced) env_.rows.granted_hold(life);
      },
      in_this_life([this, sent, answer](bool answered) {
        beating_ = false;
        if (answered) {
          on_beat(sent, *answer);
        } else {
          beats_->lose_beat();
          env_.disturb();
        }
        const uint64_t number = ++beat_number_;
        env_.queue.after(kBeatEvery - microseconds(prng_.between(0, 20'000)),
                         [this, number, life = life_.life] {
                           if (life_.life == life) next_beat(number);
                         });
      }));
}

void Machine::next_beat(uint64_t number) {
  if (!serves_ || beating_ || number != beat_number_) return;
  if (paused_) {
    postponed_.push_back([this, number] { next_beat(number); });
  } else {
    beat();
  }
}

void Machine::on_beat(Instant sent, const Beat& beat) {
  line(fmt::format("= beat{} view {}", beat.fenced ? " fenced" : "", beat.newest.number));
  if (!beat.fenced) (void)take_view(beat.newest);
  cluster_->beat(node_now(), sent, beat);
  if (beat.fenced) return;
  look_for_dead(beat);
  if (leaving_) go_on_leaving();
}

bool Machine::take_view(const PoolView& view) {
  if (view.number <= view_.number || view.bytes.empty()) return false;
  view_ = decode_view(view);
  cluster_->view(node_now(), view_);
  return true;
}

void Machine::look_for_dead(const Beat& beat) {
  std::set<HostLife> dead;
  for (const HoldAge& age : beat.ages) {
    if (age.age > kLapse) dead.insert(age.who);
  }
  for (HostLife& life : env_.silent(number_)) dead.insert(std::move(life));
  std::vector<HostLife> leave;
  for (const ClusterHost& host : view_.hosts) {
    if (host.life == life_) continue;
    if (dead.contains(host.life) || host.life.host == suspected_) leave.push_back(host.life);
  }
  suspected_.clear();
  if (leave.empty() || proposing_) return;
  proposing_ = true;
  propose(
      [leave, number = view_.number](ViewSwap& swap, ClusterView& view) {
        // What it has seen belongs to the view that it knows.
        if (view.number != number) return false;
        swap.leave = leave;
        std::erase_if(view.hosts, [&](const ClusterHost& host) {
          return std::ranges::find(leave, host.life) != leave.end();
        });
        return true;
      },
      [this](const std::optional<SwapAnswer>& answer) {
        proposing_ = false;
        if (answer && answer->outcome != SwapOutcome::kFenced) take_view(answer->newest);
      });
}

// --- leaving
// --------------------------------------------------------------------------------------

// First without slots, so that others may take them over; then, owning nothing, out of the view.
void Machine::go_on_leaving() {
  if (proposing_ || !serves_) return;
  const auto self = std::ranges::find(view_.hosts, life_, &ClusterHost::life);
  if (self == view_.hosts.end()) return;
  const bool done = cluster_->left();
  if (self->weight == 0 && !done) return;
  proposing_ = true;
  propose(
      [self = life_, done](ViewSwap& swap, ClusterView& view) {
        if (done) {
          swap.leave.push_back(self);
          std::erase_if(view.hosts, [&](const ClusterHost& host) { return host.life == self; });
          return true;
        }
        for (ClusterHost& host : view.hosts) {
          if (host.life == self) host.weight = 0;
        }
        return true;
      },
      [this, done](const std::optional<SwapAnswer>& answer) {
        proposing_ = false;
        if (!answer || answer->outcome == SwapOutcome::kBehind) return;
        if (done) {
          line("* has left");
          ++leaves_;
          end_life(false);
          return;
        }
        if (answer->outcome == SwapOutcome::kDone) take_view(answer->newest);
      });
}

}  // namespace phoenix::sim
