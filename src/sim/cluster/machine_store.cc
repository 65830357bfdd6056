#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sim/cluster/machine.h"
#include "sim/env.h"

namespace phoenix::sim {

namespace {

constexpr size_t kMaxBatch = 64;

tl::unexpected<Error> no_answer() {
  return fail(ErrorKind::kStoreUnreachable, "the store gave no answer in time");
}

}  // namespace

// --- writing
// --------------------------------------------------------------------------------------

void Machine::write_next() {
  if (writing_ || to_write_.empty() || !serves_) return;
  writing_ = true;
  auto batch = std::make_shared<Batch>();
  batch->id = next_batch_++;
  while (!to_write_.empty() && batch->groups.size() < kMaxBatch) {
    batch->groups.push_back(std::move(to_write_.front()));
    to_write_.pop_front();
  }
  std::optional<PoolFault> fault;
  if (!trouble_.writes.empty()) fault = next_write_fault();
  std::optional<size_t> conflict;
  if (fault == PoolFault::kWriteConflict) conflict = prng_.below(batch->groups.size());
  // What has been sent arrives, whatever becomes of its sender.
  auto there = [this, batch, conflict, life = life_] {
    env_.pool->clock_ns = env_.queue.now().ns;
    if (batch->given_up && !would_all_happen(batch->groups)) return;
    CommitPlan plan;
    if (env_.queue.now() < env_.refuse_until) plan.fault = CommitFault::kRefuse;
    if (conflict) plan.conflicts.insert(*conflict);
    batch->result = env_.pool->commit(life, batch->id, batch->groups, plan);
    std::vector<bool> truth;
    std::string text;
    for (size_t i = 0; i < batch->groups.size(); ++i) {
      truth.push_back(batch->result.outcomes[i] == Outcome::kCommitted);
      text +=
          fmt::format(" {}:{}", batch->groups[i].id, static_cast<int>(batch->result.outcomes[i]));
    }
    line(fmt::format("= batch {} of life {}{}{}", batch->id, life.life,
                     batch->result.fenced ? " fenced" : "", text));
    env_.rows.committed(life, batch->groups, truth);
    env_.checks.committed(env_.queue.now(), batch->groups, truth, life.life);
  };
  auto back = in_this_life([this, batch](bool answered) { report(batch, answered); });
  if (!fault || conflict) {
    writes_.ask(std::move(there), std::move(back));
  } else {
    writes_.ask(std::move(there), std::move(back), *fault);
  }
}

PoolFault Machine::next_write_fault() {
  const PoolFault fault = trouble_.writes.front();
  trouble_.writes.pop_front();
  env_.faults.add(fault);
  env_.disturb();
  return fault;
}

// A store compares when the request comes; its rows stay locked until the end of the transaction.
// So what is decided late is decided as it was compared: all of it, or nothing.
bool Machine::would_all_happen(const std::vector<Group>& groups) const {
  MemoryImage image = env_.pool->snapshot();
  return std::ranges::all_of(groups, [&](const Group& group) { return image.apply(group); });
}

void Machine::report(const std::shared_ptr<Batch>& batch, bool answered) {
  writing_ = false;
  // The store may answer what is not handed on in time: then nobody here knows.
  CommitResult result;
  if (answered) {
    result = batch->result;
  } else {
    batch->given_up = true;
    for (size_t i = 0; i < batch->groups.size(); ++i) {
      const bool conflicts =
          i < batch->result.outcomes.size() && batch->result.outcomes[i] == Outcome::kConflict;
      result.outcomes.push_back(conflicts ? Outcome::kConflict : Outcome::kUnknown);
    }
    result.why = "the store gave no answer in time";
    env_.disturb();
  }
  std::vector<uint64_t> ids;
  for (const Group& group : batch->groups) ids.push_back(group.id);
  line(fmt::format("= batch {} {}", batch->id, answered ? "settles" : "is unknown"));
  cluster_->completed(node_now(), batch->id, ids, result);
  std::vector<Group> settled;
  for (size_t i = 0; i < batch->groups.size(); ++i) {
    const bool unknown = result.outcomes[i] == Outcome::kUnknown;
    (unknown ? unknown_[batch->id] : settled).push_back(batch->groups[i]);
  }
  heard(settled);
}

// The node knows what became of it.
void Machine::heard(const std::vector<Group>& groups) {
  for (const Group& group : groups) {
    for (const Op& op : group.ops) {
      const auto* put = std::get_if<PutAnswer>(&op);
      if (put == nullptr) continue;
      const auto found = answers_open_.find(put->scope);
      if (found != answers_open_.end()) answers_open_.erase(found);
    }
  }
}

void Machine::resolve(uint64_t batch_id) {
  auto resolution = std::make_shared<Resolution>(Resolution::kUnknown);
  auto there = [this, batch_id, resolution, life = life_] {
    *resolution = env_.pool->resolve(life, batch_id);
  };
  auto back = in_this_life([this, batch_id, resolution](bool answered) {
    const Resolution told = answered ? *resolution : Resolution::kUnknown;
    line(fmt::format("= batch {} resolved {}", batch_id, static_cast<int>(told)));
    cluster_->resolved(node_now(), batch_id, told);
    if (told == Resolution::kUnknown) return;
    heard(unknown_[batch_id]);
    unknown_.erase(batch_id);
  });
  // It writes too, and is lost like any other write.
  if (trouble_.writes.empty() || trouble_.writes.front() == PoolFault::kWriteConflict) {
    return writes_.ask(std::move(there), std::move(back));
  }
  writes_.ask(std::move(there), std::move(back), next_write_fault());
}

// --- asking
// ---------------------------------------------------------------------------------------

void Machine::under_way(const std::string& kind) {
  if (asked_.insert(kind).second) return;
  env_.checks.violate(Invariant::kNode,
                      fmt::format("{} asks for \"{}\" a second time at once", name_, kind));
}

template <class Answer>
void Machine::ask(const std::string& kind, std::function<Answer()> there,
                  std::function<void(Result<Answer>)> back) {
  if (!kind.empty()) under_way(kind);
  auto answer = std::make_shared<std::optional<Answer>>();
  asks_.ask(
      [this, there = std::move(there), answer] {
        env_.pool->clock_ns = env_.queue.now().ns;
        *answer = there();
      },
      in_this_life([this, kind, answer, back = std::move(back)](bool answered) {
        asked_.erase(kind);
        line(fmt::format("= {} {}", kind, answered ? "answered" : "not answered"));
        if (answered) {
          back(std::move(**answer));
        } else {
          back(no_answer());
        }
      }));
}

void Machine::load(const PacketKey& key) {
  ask<PacketLookup>(
      "",
      [this, key, life = life_] {
        auto reader = MemoryHostStore(env_.pool, life).reader();
        return *(*reader)->get(key);
      },
      [this, key](Result<PacketLookup> lookup) {
        line("= load " + key.text());
        cluster_->loaded(node_now(), key, std::move(lookup));
      });
}

void Machine::read_payload(const PacketKey& key) {
  ask<std::optional<Content>>(
      "",
      [this, key, life = life_] {
        auto reader = MemoryHostStore(env_.pool, life).reader();
        return *(*reader)->content(key, ContentKind::kPayload);
      },
      [this, key](Result<std::optional<Content>> found) {
        line("= payload " + key.text());
        cluster_->payload(node_now(), key, std::move(found));
      });
}

void Machine::read_heads(uint64_t id) {
  ask<std::vector<LogState>>(
      fmt::format("heads {}", id),
      [this, life = life_] {
        auto reader = MemoryHostStore(env_.pool, life).reader();
        return *(*reader)->logs();
      },
      [this, id](Result<std::vector<LogState>> logs) {
        // The memory store has one log for all; the life stands for the number of its own.
        Result<LogHeads> heads = heads_of(logs);
        if (heads) heads->own = static_cast<uint32_t>(life_.life);
        cluster_->heads(node_now(), id, heads);
      });
}

void Machine::ask_pool(const PoolRequests& requests) {
  if (requests.beat && !beating_) beat();
  ask_slots(requests);
  ask_records(requests);
}

void Machine::ask_slots(const PoolRequests& requests) {
  if (requests.read_slots) {
    ask<std::vector<HeldSlot>>(
        "slots", [this] { return env_.pool->held_slots(); },
        [this](Result<std::vector<HeldSlot>> rows) {
          cluster_->slots(node_now(), std::move(rows));
        });
  }
  if (!requests.claim.empty()) {
    ask<PoolStore::Claimed>(
        "claim",
        [this, life = life_, call = beats_->next_slot_call(), slots = requests.claim] {
          PoolStore::Claimed claimed = env_.pool->claim_slots(life, call, slots);
          line(fmt::format("= life {} claims {} of {} slots", life.life, claimed.slots.size(),
                           slots.size()));
          env_.rows.claimed(life, call, claimed.slots);
          return claimed;
        },
        [this](Result<PoolStore::Claimed> claimed) {
          cluster_->claimed(node_now(), std::move(claimed));
        });
  }
  if (!requests.release.empty()) {
    ask<bool>(
        "release",
        [this, life = life_, call = beats_->next_slot_call(), slots = requests.release] {
          line(fmt::format("= life {} releases {} slots", life.life, slots.size()));
          env_.pool->release_slots(life, call, slots);
          env_.rows.released(life, call, slots);
          if (trouble_.lost_releases > 0) {
            --trouble_.lost_releases;
            line("= the store falls over");
            env_.crash_store();
          }
          return true;
        },
        [this](Result<bool> done) { cluster_->released(node_now(), std::move(done)); });
  }
  if (!requests.scan.empty()) {
    ask<ScannedSlots>(
        "scan", [this, slots = requests.scan] { return env_.pool->scan(slots); },
        [this](Result<ScannedSlots> found) { cluster_->scanned(node_now(), std::move(found)); });
  }
}

void Machine::ask_records(const PoolRequests& requests) {
  using HomeRecords = PoolStore::HomeRecords;
  for (const HostLife& home : requests.homes) {
    ask<HomeRecords>(
        "home " + text_of(home), [this, home] { return env_.pool->at_home(home); },
        [this, home](Result<HomeRecords> records) {
          cluster_->home_records(node_now(), home, std::move(records));
        });
  }
  if (!requests.members.empty() || !requests.sessions.empty()) {
    ask<HomeRecords>(
        "records",
        [this, members = requests.members, sessions = requests.sessions] {
          return env_.pool->records(members, sessions);
        },
        [this](Result<HomeRecords> records) { cluster_->records(node_now(), std::move(records)); });
  }
  if (requests.compare) {
    ask<RecordPage>(
        "revisions",
        [this, query = *requests.compare] { return env_.pool->revisions(query.after, query.most); },
        [this](const Result<RecordPage>& page) { cluster_->compared(node_now(), page); });
  }
  for (const HeldQuery& query : requests.held) {
    ask<std::vector<Packet>>(
        fmt::format("held {}", query.id),
        [this, members = query.members] { return env_.pool->owned_by(members); },
        [this, id = query.id](Result<std::vector<Packet>> packets) {
          cluster_->held(node_now(), id, std::move(packets));
        });
  }
}

}  // namespace phoenix::sim
