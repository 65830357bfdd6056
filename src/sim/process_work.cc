#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sim/process.h"

namespace phoenix::sim {

bool Process::effect(std::string_view packet, uint64_t epoch) const {
  const auto found = works_.find(std::string(packet));
  return found != works_.end() && found->second.epoch == epoch && found->second.effect;
}

bool Process::in_hand(std::string_view packet, uint64_t epoch) const {
  const auto found = works_.find(std::string(packet));
  return found != works_.end() && found->second.epoch == epoch;
}

void Process::each_in_hand(const Visit& visit) const {
  for (const auto& [key, item] : works_) {
    if (!item.finishing) visit(key, item.epoch, item.since);
  }
}

void Process::each_owed(const Visit& visit) const {
  for (const auto& [key, owed] : owed_) visit(key, owed.epoch, owed.since);
}

void Process::take(const DeliveriesReply& reply, bool from_heartbeat) {
  for (const Revoked& item : reply.revoked) revoke(item);
  for (const Delivery& item : reply.deliveries) take_delivery(item);
  for (const Offered& offered : reply.offers) consider(offered);
  if (from_heartbeat) {
    heartbeat_after_ = reply.next;
    if (shape_.one_after) poll_after_ = reply.next;
  } else {
    poll_after_ = reply.next;
  }
}

void Process::take_delivery(const Delivery& item) {
  const std::string& key = item.packet.head->key.text();
  const auto owed = owed_.find(key);
  if (owed != owed_.end() && item.epoch >= owed->second.epoch) owed_.erase(owed);
  const auto over = over_.find(key);
  if (over != over_.end() && over->second >= item.epoch) return;
  const auto found = works_.find(key);
  if (found != works_.end()) {
    if (found->second.epoch > item.epoch) return;
    if (found->second.epoch == item.epoch) {
      // A repeat; what the own lease has stopped begins again.
      if (!found->second.effect && !found->second.finishing) begin(key);
      return;
    }
  }
  WorkItem work;
  work.member = item.member;
  work.contract = item.packet.contract;
  work.epoch = item.epoch;
  work.since = env_.queue.now();
  works_[key] = work;
  begin(key);
}

void Process::revoke(const Revoked& item) {
  const std::string key = PacketKey(kNamespace, item.id).text();
  uint64_t& over = over_[key];
  over = std::max(over, item.epoch);
  drop(key, item.epoch);
}

void Process::drop(const std::string& key, uint64_t epoch) {
  const auto found = works_.find(key);
  if (found != works_.end() && found->second.epoch <= epoch) works_.erase(found);
  const auto owed = owed_.find(key);
  if (owed != owed_.end() && owed->second.epoch <= epoch) owed_.erase(owed);
}

void Process::stop_effects() {
  stopped_ = true;
  for (auto& [key, item] : works_) item.effect = false;
}

bool Process::may_work() {
  check_lease();
  check_grace();
  return !stopped_;
}

void Process::begin(const std::string& key) {
  WorkItem& item = works_.at(key);
  item.job = ++jobs_;
  item.effect = true;
  const uint64_t job = item.job;
  if (prng_.chance(1, 2)) {
    later(milliseconds(prng_.between(0, 60)), [=, this] { plain_call(key, job, Call::kStart); });
  }
  const int64_t length = env_.calm            ? prng_.between(2, 60)
                         : prng_.chance(1, 6) ? prng_.between(500, 3'000)
                                              : prng_.between(5, 400);
  if (prng_.chance(1, 4)) {
    later(milliseconds(length / 2), [=, this] { checkpoint(key, job); });
  }
  if (!env_.calm && prng_.chance(1, 6)) {
    later(milliseconds(length / 3), [=, this] { plain_call(key, job, Call::kTicket); });
  }
  later(milliseconds(length), [=, this] { finish(key, job); });
}

bool Process::still(const std::string& key, uint64_t job) const {
  const auto found = works_.find(key);
  return found != works_.end() && found->second.job == job && found->second.effect;
}

// kStart, or kTicket: that is for a third party, and what comes of it the checkers see.
void Process::plain_call(const std::string& key, uint64_t job, Call kind) {
  if (!still(key, job)) return;
  OwnerCall call;
  call.call = kind;
  call.key = PacketKey::from_text(key);
  call.epoch = works_.at(key).epoch;
  call.digest = digest_of(fmt::format("{} {} {}", call_name(kind), key, call.epoch));
  Command command;
  command.caller = caller();
  command.body = OwnerCalls{{call}, true};
  send_until_answered(std::make_shared<const Command>(std::move(command)), 1);
}

void Process::checkpoint(const std::string& key, uint64_t job) {
  if (!still(key, job)) return;
  WorkItem& item = works_.at(key);
  OwnerCall call;
  call.call = Call::kCheckpoint;
  call.key = PacketKey::from_text(key);
  call.epoch = item.epoch;
  call.seq = ++item.seq;
  call.content = std::make_shared<const Content>(json_content(fmt::format("{}", item.seq)));
  call.digest = digest_of(fmt::format("checkpoint {} {} {}", key, call.epoch, item.seq));
  Command command;
  command.caller = caller();
  command.body = OwnerCalls{{call}, true};
  send_until_answered(std::make_shared<const Command>(std::move(command)), 4);
}

OwnerCall Process::final_call(const std::string& key, const WorkItem& item) {
  OwnerCall call;
  call.call = Call::kComplete;
  call.key = PacketKey::from_text(key);
  call.epoch = item.epoch;
  const uint64_t kind = env_.calm ? 0 : prng_.below(100);
  if (kind >= 72 && kind < 84) {
    call.call = Call::kFail;
    call.error = LastError{"it did not work", "test"};
    call.retry = kind < 81;
    if (prng_.chance(1, 2)) call.retry_after_ms = prng_.between(0, 800);
  } else if (kind >= 84 && kind < 90) {
    call.call = Call::kRelease;
    if (prng_.chance(1, 2)) call.retry_after_ms = prng_.between(0, 800);
  } else if (kind >= 90) {
    call.call = Call::kHandoff;
    call.reason = "the next step";
    call.content = std::make_shared<const Content>(json_content("\"context\""));
    if (kind < 95) {
      call.to = env_.member_ids[prng_.below(env_.member_ids.size())];
    } else {
      call.required = std::vector<std::string>{std::string(1, static_cast<char>('a' + kind % 4))};
    }
  }
  if (call.call == Call::kComplete) {
    call.content = std::make_shared<const Content>(json_content(fmt::format("\"{}\"", item.job)));
  }
  call.digest =
      digest_of(fmt::format("{} {} {} {}", call_name(call.call), key, item.epoch, item.job));
  return call;
}

void Process::finish(const std::string& key, uint64_t job) {
  if (!still(key, job)) return;
  // By the end of its lease it has stopped, also before it sends a result.
  check_lease();
  if (!still(key, job)) return;
  WorkItem& item = works_.at(key);
  if (prng_.chance(1, 6) && works_.size() > 1) {
    complete_many(key);
    return;
  }
  OwnerCalls calls{{final_call(key, item)}, true};
  sign(calls, {item.member}, item.contract);
  item.finishing = true;
  item.effect = false;
  Command command;
  command.caller = caller();
  command.body = std::move(calls);
  send_until_answered(std::make_shared<const Command>(std::move(command)), 1'000);
}

void Process::complete_many(const std::string& key) {
  OwnerCalls calls;
  std::vector<std::string> members;
  for (auto& [other, item] : works_) {
    if (item.finishing || !item.effect || (other != key && !prng_.chance(1, 2))) continue;
    OwnerCall call;
    call.call = Call::kComplete;
    call.key = PacketKey::from_text(other);
    call.epoch = item.epoch;
    call.content = std::make_shared<const Content>(json_content(fmt::format("\"{}\"", item.job)));
    call.digest = digest_of(fmt::format("complete {} {} {}", other, item.epoch, item.job));
    calls.items.emplace_back(std::move(call));
    members.push_back(item.member);
    item.finishing = true;
    item.effect = false;
  }
  sign(calls, members, std::nullopt);
  Command command;
  command.caller = caller();
  command.body = std::move(calls);
  send_until_answered(std::make_shared<const Command>(std::move(command)), 1'000);
}

// Whatever of it members with a key sign.
void Process::sign(OwnerCalls& calls, const std::vector<std::string>& members,
                   const std::optional<Digest>& contract) {
  if (!signer_) return;
  OwnerCall& first = *calls.items.front();
  const bool ends = first.call == Call::kComplete || first.call == Call::kFail;
  if (ends) return signer_->sign_results(calls, members);
  if (first.call != Call::kHandoff) return;
  // Some are over before anybody can have them.
  const int64_t good_for = prng_.chance(1, 10) ? prng_.between(1, 200) : 60'000;
  signer_->sign_offer(first, party(members.front()), contract, env_.wall() + good_for);
}

lineage::Party Process::party(const std::string& member) const {
  const auto found = incarnations_.find(member);
  return {member, found == incarnations_.end() ? 0 : found->second};
}

// Told again and again while it is open: it makes up its mind once.
void Process::consider(const Offered& offered) {
  if (!signer_) return;
  const std::string name =
      fmt::format("{} {} {}", offered.packet.text(), offered.epoch, offered.offer);
  if (!considered_.insert(name).second) return;
  if (prng_.chance(1, 12)) return;  // it has not listened
  const int64_t wait = prng_.chance(1, 6) ? prng_.between(500, 4'000) : prng_.between(0, 80);
  later(milliseconds(wait), [this, offered] { answer_offer(offered); });
}

void Process::answer_offer(const Offered& offered) {
  if (!attached_ || !may_work()) return;
  OwnerCall call;
  call.call = Call::kAccept;
  call.key = offered.packet;
  call.epoch = offered.epoch;
  call.declines = prng_.chance(1, 12);
  call.reason = call.declines ? "it is not for me" : "";
  if (!call.declines) {
    call.statement = signer_->acceptance(offered, party(offered.member), env_.wall());
    if (call.statement.empty()) {
      env_.checks.violate(Invariant::kDelivery, "an offer is not what it says");
      return;
    }
  }
  call.digest = digest_of(fmt::format("accept {} {}", offered.packet.text(), prng_.next()));
  Command command;
  command.caller = caller();
  command.body = OwnerCalls{{std::move(call)}, true};
  send_until_answered(std::make_shared<const Command>(std::move(command)), 4);
}

// The same call again until it is answered, also after the packet is lost: the fence decides.
void Process::send_until_answered(std::shared_ptr<const Command> command, int tries) {
  auto answered = std::make_shared<bool>(false);
  const auto exchange = env_.network.send(link_, *command, mine([=, this](const Reply* reply) {
                                            if (reply == nullptr || *answered) return;
                                            const auto* error = std::get_if<Error>(&reply->body);
                                            if (error != nullptr && passes_by(error->kind)) return;
                                            *answered = true;
                                            const auto& calls = std::get<OwnerCalls>(command->body);
                                            const auto* batch =
                                                std::get_if<BatchReply>(&reply->body);
                                            bool all = true;
                                            for (size_t i = 0; i < calls.items.size(); ++i) {
                                              ItemReply item;
                                              if (batch != nullptr) {
                                                item = batch->items[i];
                                              } else if (error != nullptr) {
                                                item = *error;
                                              } else {
                                                item = std::get<OwnerReply>(reply->body);
                                              }
                                              const auto* refused = std::get_if<Error>(&item);
                                              if (refused != nullptr && passes_by(refused->kind)) {
                                                all = false;
                                              } else {
                                                on_owner_answer(*calls.items[i], item);
                                              }
                                            }
                                            if (!all) *answered = false;
                                            // Now and then an answered call is repeated on purpose;
                                            // the checkers compare.
                                            if (all && tries > 1 && prng_.chance(1, 8)) {
                                              later(milliseconds(prng_.between(1, 3'000)),
                                                    [=, this] { send_until_answered(command, 1); });
                                            }
                                          }));
  if (tries <= 1) return;
  later(milliseconds(prng_.between(300, 800)), [=, this] {
    if (*answered) return;
    env_.network.give_up(exchange);
    send_until_answered(command, tries - 1);
  });
}

void Process::on_owner_answer(const OwnerCall& call, const ItemReply& reply) {
  // Whether it has it then, a delivery tells.
  if (call.call == Call::kAccept) return;
  const std::string& key = call.key.text();
  const auto* error = std::get_if<Error>(&reply);
  const auto found = works_.find(key);
  const bool mine_still = found != works_.end() && found->second.epoch == call.epoch;
  if (error == nullptr) {
    if (!ends_epoch(call.call)) return;
    uint64_t& over = over_[key];
    over = std::max(over, call.epoch);
    drop(key, call.epoch);
    return;
  }
  const bool signs_anew = signer_ && refused_for_signature(*error);
  if (signs_anew || error->kind == ErrorKind::kNotEligible ||
      error->kind == ErrorKind::kPolicyDenied) {
    if (!mine_still) return;
    // The one it was meant for cannot take it, or not under that contract: the owner keeps it and
    // ends it by itself, at once or when it is delivered again after an end of its lease.
    found->second.finishing = false;
    if (may_work()) begin(key);
    return;
  }
  const bool stop = error->kind == ErrorKind::kStaleEpoch || error->kind == ErrorKind::kNotOwner ||
                    error->kind == ErrorKind::kWrongState ||
                    error->kind == ErrorKind::kSessionLapsed ||
                    error->kind == ErrorKind::kSessionReplaced || error->kind == ErrorKind::kGone;
  if (!stop) {
    env_.checks.violate(Invariant::kFence, fmt::format("{} of {}@{}: {}", call_name(call.call), key,
                                                       call.epoch, describe(ReplyBody(*error))));
    return;
  }
  uint64_t& over = over_[key];
  over = std::max(over, call.epoch);
  drop(key, call.epoch);
}

}  // namespace phoenix::sim
