// Hits at the hosts: the one is killed and restarted; of several also one is frozen until the
// others have gone on without it, and one leaves and comes back.
#include <fmt/format.h>

#include <algorithm>

#include "cli/demo/conductor.h"
#include "client/json_text.h"

namespace phoenix::demo {
namespace {

// Beyond what it takes to be put out of the view, so that it wakes up deposed.
constexpr Duration kHostFreeze = seconds(6);
// By then the others have noticed that it is gone.
constexpr Duration kLateRestart = seconds(4);
constexpr Duration kWholeLimit = seconds(60);
constexpr const char* kFigures = "/v1/dma?values=true";

}  // namespace

void Conductor::hit_hosts() {
  if (hosts_.size() == 1) {
    kill_host_if_due();
  } else if (striking_) {
    look_whether_whole();
  } else {
    strike_host_if_due();
  }
}

void Conductor::kill_host_if_due() {
  if (figures_.host_kills >= static_cast<uint64_t>(options_.kill_host)) return;
  const uint64_t due = host_kill_at(static_cast<int64_t>(figures_.host_kills), options_.kill_host,
                                    static_cast<uint64_t>(options_.packets));
  if (killing_host_ || !hosts_.all_up() || ledger_.completed() < due) return;
  killing_host_ = true;
  // What this life has measured is gone with it.
  calls_->get_once(kFigures, [this](const CallResult& result) {
    if (!result || !result->ok() || stage_ != Stage::kRunning) {
      killing_host_ = false;
      return;
    }
    take_host_figures(result->body);
    ++figures_.host_kills;
    note("SIGKILL to the host");
    hosts_.host(0).kill_and_restart();
  });
}

void Conductor::strike_host_if_due() {
  if (struck_ >= strikes_.size() || asking_ || !hosts_.all_up()) return;
  const uint64_t due =
      host_kill_at(static_cast<int64_t>(struck_), static_cast<int64_t>(strikes_.size()),
                   static_cast<uint64_t>(options_.packets));
  if (ledger_.completed() < due) return;
  asking_ = true;
  HostProcess& victim = hosts_.host(strikes_[struck_].host);
  // What this life has measured is gone with it: one that was frozen begins another, too.
  calls_->get_once_at(victim.url(), kFigures, [this](const CallResult& result) {
    asking_ = false;
    if (!result || !result->ok() || stage_ != Stage::kRunning) return;
    take_host_figures(result->body);
    strike_host(strikes_[struck_]);
  });
}

void Conductor::strike_host(const HostStrike& strike) {
  HostProcess& victim = hosts_.host(strike.host);
  striking_ = true;
  struck_at_ = clock_now();
  // The demo itself speaks to one that is left in peace.
  calls_->use(hosts_.host((strike.host + 1) % hosts_.size()).url());
  follower_->follow_elsewhere();
  switch (strike.hit) {
    case HostHit::kKill:
      ++figures_.host_kills;
      note("SIGKILL to " + victim.name());
      victim.kill_and_restart(strike.at_once ? Duration{} : kLateRestart);
      break;
    case HostHit::kFreeze:
      ++figures_.host_freezes;
      note("SIGSTOP to " + victim.name());
      frozen_host_ = true;
      victim.freeze();
      thaw_timer_.call_after(kHostFreeze, [this, &victim] {
        note("SIGCONT to " + victim.name());
        frozen_host_ = false;
        victim.thaw();
      });
      break;
    case HostHit::kLeave:
      ++figures_.host_leaves;
      note("SIGTERM to " + victim.name());
      victim.leave_and_restart();
      break;
  }
}

// The next one is hit when all are in the view again, and the last victim takes work.
void Conductor::look_whether_whole() {
  if (clock_now() - struck_at_ > kWholeLimit) {
    return fault(fmt::format("the pool was not whole again within {} s of a hit at {}",
                             kWholeLimit.ms() / 1000, hosts_.host(strikes_[struck_].host).name()));
  }
  if (frozen_host_ || asking_ || !hosts_.all_up()) return;
  asking_ = true;
  calls_->get_once("/v1/hosts?limit=1000", [this](const CallResult& result) {
    const auto json = result && result->ok() ? JsonText::parse(result->body) : std::nullopt;
    std::size_t whole = 0;
    if (json) {
      for (const JsonText& row : (*json)["items"].items()) {
        whole += row["status"].text() == "ALIVE" && row["view"].text() == "in-view" ? 1 : 0;
      }
    }
    if (whole < hosts_.size()) {
      asking_ = false;
      return;
    }
    const std::string url = hosts_.host(strikes_[struck_].host).url();
    calls_->get_once_at(url, "/readyz", [this](const CallResult& ready) {
      asking_ = false;
      if (!ready || !ready->ok()) return;
      note("the pool is whole again");
      striking_ = false;
      ++struck_;
    });
  });
}

}  // namespace phoenix::demo
