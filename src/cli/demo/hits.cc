// Hits at the workers, and what they tell of it.
#include <algorithm>
#include <csignal>
#include <ctime>

#include <fmt/format.h>

#include "cli/demo/conductor.h"
#include "client/http_client.h"
#include "client/json_text.h"

namespace phoenix::demo {
namespace {

// Beyond the lease, so that the host has noticed.
constexpr Duration kFreezeExtra = milliseconds(300);
constexpr Duration kLookAgain = milliseconds(10);  // nobody was in the middle of anything
constexpr Duration kBackLimit = seconds(15);

WallMs wall_now() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

// What is started, by owner.
std::map<std::string, std::vector<Started>> started_by_owner(const std::string& body) {
  std::map<std::string, std::vector<Started>> out;
  const auto json = JsonText::parse(body);
  if (!json) return out;
  for (const JsonText& item : (*json)["items"].items()) {
    const auto epoch = static_cast<uint64_t>(item["epoch"].integer().value_or(0));
    out[item["owner"].text()].emplace_back(item["id"].text(), epoch);
  }
  return out;
}

int signal_of(Hit hit) {
  return hit == Hit::kKill ? SIGKILL : hit == Hit::kFreeze ? SIGSTOP : SIGTERM;
}

}  // namespace

// What is begun is not durable: another host than the keeper does not know it, but its owner. What
// the workers tell themselves says which of these are begun.
std::string Conductor::held_target() const {
  return hosts_.size() == 1 ? "/v1/packets?status=RUNNING&limit=1000"
                            : "/v1/packets?status=ASSIGNED,RUNNING&limit=1000";
}

void Conductor::churn() {
  churn_timer_.call_after(options_.churn, [this] { churn(); });
  if (hitting_ || killing_host_ || (hosts_.size() == 1 && !hosts_.all_up())) return;
  hitting_ = true;
  const Hit hit = plan_.next_kind();
  calls_->get_once(held_target(), [this, hit](const CallResult& result) {
    std::vector<Candidate> candidates;
    if (result && result->ok()) {
      for (auto& [owner, started] : started_by_owner(result->body)) {
        const Worker* worker = fleet_->find(owner);
        if (worker == nullptr || !worker->registered || worker->hit) continue;
        if (std::any_of(started.begin(), started.end(), [this](const Started& one) {
              return ledger_.losses_of(one.first) >= kMostLosses;
            })) {
          continue;
        }
        // What CMD is done with has only its report to go: hit those that are in the middle.
        std::erase_if(started,
                      [this](const Started& one) { return !runs_.running(one.first, one.second); });
        if (started.empty()) continue;
        candidates.push_back({owner, worker->self_check, std::move(started)});
      }
    }
    strike(hit, candidates);
  });
}

void Conductor::strike(Hit hit, const std::vector<Candidate>& candidates) {
  const auto chosen = stage_ == Stage::kRunning ? plan_.choose(hit, candidates) : std::nullopt;
  if (!chosen) {
    plan_.settle(hit, false);
    hitting_ = false;
    if (stage_ == Stage::kRunning) churn_timer_.call_after(kLookAgain, [this] { churn(); });
    return;
  }
  const Candidate& target = candidates[*chosen];
  Worker& worker = *fleet_->find(target.worker);
  const WallMs wall = wall_now();
  worker.hit = hit;
  worker.hit_at = clock_now();
  fleet_->signal(worker, signal_of(hit));
  ledger_.hit(worker.id, hit, wall);
  if (hit != Hit::kDrain) runs_.hit(worker.id, worker.hit_at);
  if (hit == Hit::kFreeze) ++figures_.frozen;
  ++figures_.hits_sent;
  note(fmt::format("{} to {}, {} in hand", hit_name(hit), worker.id, target.started.size()));
  fleet_->start(worker.kind, worker.self_check);
  check_hit(target.worker, hit, target.started);
}

// Was a packet that was started before the signal still in its hands after it?
void Conductor::check_hit(const std::string& id, Hit hit, const std::vector<Started>& before) {
  calls_->get_once(held_target() + "&owner=" + url_encode(id),
                   [this, id, hit, before](const CallResult& result) {
                     hitting_ = false;
                     std::vector<Started> after;
                     if (result && result->ok()) after = started_by_owner(result->body)[id];
                     const bool counted = held_throughout(before, after);
                     plan_.settle(hit, counted);
                     Worker* worker = fleet_->find(id);
                     if (worker != nullptr) worker->counted = counted;
                   });
}

// Lets them go on when their lease is over and the host has noticed.
void Conductor::watch_frozen() {
  const Instant now = clock_now();
  for (auto& [id, worker] : fleet_->workers()) {
    if (!worker.frozen() || worker.back) continue;
    if (!worker.continued) {
      const bool noticed = ledger_.member_state(id) == "detached";
      const bool over = now >= worker.hit_at + lease_ + kFreezeExtra;
      if (!over || (!noticed && now < worker.hit_at + lease_ * 5)) continue;
      note(fmt::format("SIGCONT to {}", id));
      worker.continued = true;
      worker.continued_at = now;
      fleet_->signal(worker, SIGCONT);
    } else if (now >= worker.continued_at + kBackLimit) {
      fault(fmt::format("{} was frozen and did not come back within {} s", id,
                        kBackLimit.ms() / 1000));
      return;
    }
  }
}

void Conductor::worker_news(Worker& worker, const WorkerNews& news) {
  const Instant now = clock_now();
  if (news.event == "begins") {
    runs_.begins(worker.id, news.packet, news.epoch, now);
  } else if (news.event == "ends" || news.event == "revoked") {
    runs_.ends(worker.id, news.packet, news.epoch, now);
  } else if (news.event == "registered" || news.event == "attached") {
    worker.registered = true;
    last_progress_ = now;
    if (worker.continued && !worker.back) came_back(worker);
  } else if (news.event == "stopped-itself") {
    if (worker.frozen() && !worker.stopped_itself) {
      ++figures_.self_stopped;
      note(worker.id + " stopped by its own lease check");
    }
    worker.stopped_itself = true;
  } else if (is_refused_result(news) && worker.frozen()) {
    if (!worker.refused_late) ++figures_.late_writes_refused;
    note(fmt::format("{} sent late: {} epoch {}, {}", worker.id, news.packet, news.epoch,
                     news.detail));
    worker.refused_late = true;
  }
}

// Its place was taken meanwhile, so it leaves in good order.
void Conductor::came_back(Worker& worker) {
  worker.back = true;
  ++figures_.frozen_back;
  if (worker.self_check && worker.counted && !worker.stopped_itself) {
    fault(worker.id + " was frozen beyond its lease and did not stop what it had in hand");
    return;
  }
  ledger_.hit(worker.id, Hit::kDrain, wall_now());
  fleet_->signal(worker, SIGTERM);
}

void Conductor::worker_ended(Worker& worker, int status) {
  if (stage_ == Stage::kClosing) {
    if (fleet_->workers().size() == 1) stop_host();
    return;
  }
  const bool asked = worker.hit.has_value() && (!worker.frozen() || worker.back);
  if (asked) return;
  fault(fmt::format("{} ended by itself, with status {:#x}{}", worker.id, status,
                    fleet_->last_words(worker.id)));
}

}  // namespace phoenix::demo
