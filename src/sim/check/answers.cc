#include "sim/check/answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace phoenix::sim {

namespace {

bool same(const OwnerReply& a, const OwnerReply& b) {
  return a.id == b.id && a.status == b.status && a.epoch == b.epoch && a.revision == b.revision;
}

std::string owner_text(const std::optional<Owner>& owner) { return owner ? owner->id : "nobody"; }

const ItemReply* item_of(const ReplyBody& body, size_t index, ItemReply& storage) {
  if (const auto* batch = std::get_if<BatchReply>(&body)) {
    return index < batch->items.size() ? &batch->items[index] : nullptr;
  }
  if (const auto* error = std::get_if<Error>(&body)) storage = *error;
  if (const auto* packet = std::get_if<PacketReply>(&body)) storage = *packet;
  if (const auto* owner = std::get_if<OwnerReply>(&body)) storage = *owner;
  return &storage;
}

}  // namespace

void Answers::committed(const PutAnswer& put) {
  const auto [first, fresh] = kept_.try_emplace(put.scope, put.answer);
  if (fresh) return;
  complain_(Invariant::kFence, "a second answer was kept under one Idempotency-Key");
}

void Answers::kept(const Command& command, const Reply& reply) {
  if (!command.idempotency || std::holds_alternative<Error>(reply.body)) return;
  const auto first = kept_.find(command.idempotency->scope);
  if (first == kept_.end()) {
    complain_(Invariant::kNothingLost, "an answer left before it was kept");
  } else if (first->second != encode_reply(reply.body)) {
    complain_(Invariant::kFence,
              "a call with an Idempotency-Key got another answer than the first");
  }
}

void Answers::reply(const Command& command, const Reply& reply) {
  kept(command, reply);
  if (const auto* submit = std::get_if<Submit>(&command.body)) {
    for (size_t i = 0; i < submit->items.size(); ++i) {
      ItemReply storage;
      const ItemReply* item = item_of(reply.body, i, storage);
      if (submit->items[i] && item != nullptr) submitted(*submit->items[i], *item);
    }
  } else if (const auto* calls = std::get_if<OwnerCalls>(&command.body)) {
    for (size_t i = 0; i < calls->items.size(); ++i) {
      ItemReply storage;
      const ItemReply* item = item_of(reply.body, i, storage);
      if (calls->items[i] && item != nullptr) owner_call(command.caller, *calls->items[i], *item);
    }
  } else if (const auto* packet_reply = std::get_if<PacketReply>(&reply.body)) {
    packet(*packet_reply);
  } else if (const auto* members_reply = std::get_if<MembersReply>(&reply.body)) {
    members(*members_reply);
  } else if (const auto* portion = std::get_if<DeliveriesReply>(&reply.body)) {
    deliveries(command, *portion);
  } else if (const auto* attach = std::get_if<AttachReply>(&reply.body)) {
    attached(command, *attach);
  }
}

void Answers::packet(const PacketReply& reply) {
  const Packet& head = *reply.packet.head;
  const Shadow::Track* track = shadow_.find(head.key);
  const Shadow::Revision* durable = track == nullptr ? nullptr : track->at(head.revision);
  if (durable == nullptr) {
    complain_(Invariant::kNothingLost,
              fmt::format("revision {} of {} was answered before it was durable", head.revision,
                          head.key.id()));
  } else if (durable->epoch != head.epoch || durable->status != head.status) {
    complain_(Invariant::kNothingLost,
              fmt::format("revision {} of {} was answered as {} of epoch {}, durable is {} of {}",
                          head.revision, head.key.id(), status_name(head.status), head.epoch,
                          status_name(durable->status), durable->epoch));
  }
}

void Answers::submitted(const SubmitItem& item, const ItemReply& reply) {
  const auto* done = std::get_if<PacketReply>(&reply);
  if (done == nullptr) return;
  packet(*done);
  const Packet& head = *done->packet.head;
  if (head.spec->create_digest != item.spec->create_digest) {
    complain_(Invariant::kFence,
              fmt::format("submit of {} was answered with other content", head.key.id()));
  }
}

void Answers::owner_call(const Caller& caller, const OwnerCall& call, const ItemReply& reply) {
  if (const auto* done = std::get_if<OwnerReply>(&reply)) {
    accepted(caller, call, *done);
    return;
  }
  const auto* error = std::get_if<Error>(&reply);
  if (error == nullptr) return;
  if (error->kind == ErrorKind::kStaleEpoch && error->epoch == call.epoch) {
    complain_(Invariant::kFence, fmt::format("{} of {} with the newest epoch {} was called stale",
                                             call_name(call.call), call.key.id(), call.epoch));
  }
  if (error->kind == ErrorKind::kUnauthenticated || error->kind == ErrorKind::kNotFound) {
    complain_(Invariant::kFence, fmt::format("{} of {}@{} was refused as {}", call_name(call.call),
                                             call.key.id(), call.epoch, kind_name(error->kind)));
  }
}

// Whose answer comes late may have lost its session since: what counts is whose life it was.
bool Answers::may_own(const Caller& caller, const std::optional<Owner>& owner) const {
  if (!owner) return false;
  if (!caller.as_member.empty()) return caller.as_member == owner->id;
  return shadow_.was_of(caller.session, *owner);
}

void Answers::accepted(const Caller& caller, const OwnerCall& call, const OwnerReply& reply) {
  const auto known = finals_.find({call.key, call.epoch});
  if (ends_epoch(call.call) && known != finals_.end()) {
    if (known->second.digest != call.digest) {
      complain_(Invariant::kFence,
                fmt::format("two different calls ended {}@{}", call.key.id(), call.epoch));
    } else if (!same(known->second.answer, reply)) {
      complain_(Invariant::kFence, fmt::format("a repeat of {} {}@{} got another answer",
                                               call_name(call.call), call.key.id(), call.epoch));
    }
    return;
  }
  const Shadow::Track* track = shadow_.find(call.key);
  const Shadow::Revision* durable = track == nullptr ? nullptr : track->at(reply.revision);
  if (durable == nullptr) {
    complain_(Invariant::kNothingLost,
              fmt::format("{} of {} was answered with revision {} before that was durable",
                          call_name(call.call), call.key.id(), reply.revision));
    return;
  }
  if (ends_epoch(call.call)) {
    first_final(caller, call, reply);
  } else if (call.call == Call::kAccept && call.declines) {
    // Nothing has changed, and who declines never had it.
  } else if (durable->epoch != call.epoch + (call.call == Call::kAccept ? 1 : 0) ||
             !may_own(caller, durable->owner)) {
    complain_(Invariant::kFence, fmt::format("{} of {}@{} was accepted while epoch {} of {} stood",
                                             call_name(call.call), call.key.id(), call.epoch,
                                             durable->epoch, owner_text(durable->owner)));
  }
}

void Answers::first_final(const Caller& caller, const OwnerCall& call, const OwnerReply& reply) {
  finals_[{call.key, call.epoch}] = Final{call.digest, reply};
  const Shadow::Track& track = *shadow_.find(call.key);
  const Shadow::Revision* before = track.at(reply.revision - 1);
  const Shadow::Revision* after = track.at(reply.revision);
  if (before == nullptr || before->epoch != call.epoch || !may_own(caller, before->owner)) {
    complain_(Invariant::kFence,
              fmt::format("{} of {}@{} was accepted at revision {}, when epoch {} of {} stood",
                          call_name(call.call), call.key.id(), call.epoch, reply.revision,
                          before == nullptr ? 0 : before->epoch,
                          before == nullptr ? "nobody" : owner_text(before->owner)));
  }
  const Status shown = reply.status == Status::kRunning ? Status::kAssigned : reply.status;
  if (after->status != shown || after->epoch != reply.epoch) {
    complain_(Invariant::kNothingLost,
              fmt::format("{} of {} was answered {} of epoch {}, durable is {} of {}",
                          call_name(call.call), call.key.id(), status_name(reply.status),
                          reply.epoch, status_name(after->status), after->epoch));
  }
}

void Answers::members(const MembersReply& reply) {
  for (const MemberView& view : reply.members) {
    const auto found = shadow_.members().find(view.record->key);
    if (found == shadow_.members().end() || found->second.revision < view.record->revision) {
      complain_(Invariant::kNothingLost,
                fmt::format("member {} was answered at revision {} before that was durable",
                            view.record->key.id(), view.record->revision));
    }
  }
}

void Answers::deliveries(const Command& command, const DeliveriesReply& reply) {
  for (const Delivery& item : reply.deliveries) {
    const PacketKey& key = item.packet.head->key;
    const Shadow::Track* track = shadow_.find(key);
    const Shadow::Revision* granted = nullptr;
    for (size_t i = 0; track != nullptr && i < track->revisions.size(); ++i) {
      const Shadow::Revision& revision = track->revisions[i];
      const bool meant =
          revision.epoch == item.epoch && revision.owner && revision.owner->id == item.member;
      if (meant) granted = &revision;
    }
    if (granted == nullptr) {
      complain_(Invariant::kOneOwner,
                fmt::format("{}@{} was delivered to {} before that ownership was durable", key.id(),
                            item.epoch, item.member));
    } else if (!may_own(command.caller, granted->owner)) {
      complain_(Invariant::kOneOwner, fmt::format("{}@{} of {} was delivered to another session",
                                                  key.id(), item.epoch, item.member));
    }
  }
  revoked(command, reply.revoked);
}

void Answers::attached(const Command& command, const AttachReply& reply) {
  const std::string ns = std::visit(
      [](const auto& body) -> std::string {
        if constexpr (requires { body.ref.ns; }) return body.ref.ns;
        return {};
      },
      command.body);
  for (const auto& [id, epoch] : reply.held) {
    const Shadow::Track* track = shadow_.find(PacketKey(ns, id));
    if (track == nullptr || track->head->epoch < epoch) {
      complain_(Invariant::kOneOwner,
                fmt::format("held lists {}@{} before that is durable", id, epoch));
    }
  }
  revoked(command, reply.revoked);
}

void Answers::revoked(const Command& command, const std::vector<Revoked>& items) {
  const std::string ns = std::visit(
      [](const auto& body) -> std::string {
        if constexpr (requires { body.ref.ns; }) return body.ref.ns;
        return {};
      },
      command.body);
  for (const Revoked& item : items) {
    const Shadow::Track* track = shadow_.find(PacketKey(ns, item.id));
    const bool still = track != nullptr && track->head->epoch == item.epoch && track->head->owner &&
                       may_own(command.caller, track->head->owner) &&
                       shadow_.alive(ns, *track->head->owner);
    if (track == nullptr || still) {
      complain_(Invariant::kNothingLost,
                fmt::format("{}@{} was revoked before that is durable", item.id, item.epoch));
    }
  }
}

}  // namespace phoenix::sim
