#include "bench/lineage/pair/member.h"

#include <cstdio>
#include <utility>

#include "bench/lineage/pair/pair_host.h"
#include "bench/workload.h"
#include "lineage/crypto/sha256.h"
#include "lineage/form/statements.h"

namespace phoenix::bench {
namespace {

std::string refused_as(const Reply& reply) {
  const auto* error = std::get_if<Error>(&reply.body);
  if (error == nullptr) return {};
  return error->reason_code.empty() ? std::string(kind_name(error->kind)) : error->reason_code;
}

OwnerCall call_of(Call kind, const PacketKey& packet, uint64_t epoch, const Digest& digest) {
  OwnerCall call;
  call.call = kind;
  call.key = packet;
  call.epoch = epoch;
  call.digest = digest;
  return call;
}

}  // namespace

SigningMember::SigningMember(Host& host, std::string id, uint32_t room)
    : host_(host), id_(std::move(id)), room_(room), key_(pair_key(id_)) {}

Caller SigningMember::caller() const {
  Caller caller;
  caller.session = session_.id;
  caller.generation = session_.generation;
  return caller;
}

Digest SigningMember::next_digest() { return lineage::sha256(id_, std::to_string(++calls_)); }

void SigningMember::join(const std::string& partner) {
  partner_ = pair_key(partner).public_key();
  partner_key_id_ = partner_.id();
  Register wanted;
  wanted.members = {member_record(id_, {"work"}, room_)};
  wanted.members[0].public_key = key_.public_key().view();
  wanted.proofs = {lineage::sign(key_, lineage::RegistrationProof{host_.pool(), kNamespace, id_,
                                                                  key_.public_key(), Digest{}})};
  wanted.lease_seconds = 3'600;
  wanted.single = true;
  wanted.session_id = "session-" + id_;
  Caller principal;
  principal.principal = "bench";
  host_.send(principal, std::nullopt, std::move(wanted), [this](const Reply& reply) {
    const auto* made = std::get_if<MembersReply>(&reply.body);
    if (made == nullptr || !made->session) {
      refusal_ = refused_as(reply);
      return;
    }
    session_ = *made->session;
    incarnation_ = made->members.at(0).record->incarnation;
    listen();
  });
}

void SigningMember::listen() {
  host_.send(
      caller(), std::nullopt, OpenStream{{kNamespace, "", session_.id}, std::nullopt},
      [this](const Reply& reply) {
        refusal_ = refused_as(reply);
        hears_ = refusal_.empty();
      },
      [this](const StreamPortion& portion) { take(portion.portion); });
}

void SigningMember::take(const DeliveriesReply& portion) {
  // Each is told again with every other one while it is open.
  for (const Offered& offered : portion.offers) {
    if (accepted_.emplace(offered.packet, offered.epoch).second) accept(offered);
  }
  for (const Delivery& item : portion.deliveries) {
    accepted_.erase({item.packet.head->key, item.epoch - 1});
    held_.push_back({item.packet.head->key, item.epoch, item.packet.contract});
  }
}

void SigningMember::accept(const Offered& offered) {
  const auto find = [this](std::string_view id) -> const lineage::PublicKey* {
    return id == partner_key_id_ ? &partner_ : nullptr;
  };
  const auto opened = lineage::open<lineage::HandoffOffer>(offered.offer, find);
  if (!opened) {
    std::fprintf(stderr, "handoff: an offer is not good: %s\n", opened.error().detail.c_str());
    return;
  }
  const lineage::HandoffOffer& said = opened->statement;
  const Digest context = lineage::sha256(offered.context->data);
  if (said.receiver != id_ || said.epoch != offered.epoch || said.context != context) {
    std::fprintf(stderr, "handoff: an offer is of something else\n");
    return;
  }
  OwnerCall call = call_of(Call::kAccept, offered.packet, offered.epoch, next_digest());
  call.statement = lineage::sign(key_, lineage::HandoffAcceptance{said.pool,
                                                                  said.ns,
                                                                  said.packet,
                                                                  said.epoch,
                                                                  lineage::sha256(opened->payload),
                                                                  {id_, incarnation_},
                                                                  context,
                                                                  host_.now().wall});
  host_.send(caller(), std::nullopt, OwnerCalls{{std::move(call)}, true}, [](const Reply& reply) {
    const auto* error = std::get_if<Error>(&reply.body);
    if (error == nullptr) return;
    std::fprintf(stderr, "handoff: an acceptance was refused: %s\n", error->detail.c_str());
  });
}

void SigningMember::hand_off(Held what, const std::string& to,
                             std::shared_ptr<const Content> context, Done done) {
  lineage::HandoffOffer said;
  said.pool = host_.pool();
  said.ns = what.packet.ns();
  said.packet = what.packet.id();
  said.epoch = what.epoch;
  said.offer = "offer-" + std::to_string(calls_);
  said.giver = {id_, incarnation_};
  said.receiver = to;
  said.expires_at = host_.now().wall + 60'000;
  said.context = lineage::sha256(context->data);
  said.contract = what.contract;
  OwnerCall call = call_of(Call::kHandoff, what.packet, what.epoch, next_digest());
  call.to = to;
  call.content = std::move(context);
  call.statement = lineage::sign(key_, said);
  host_.send(caller(), std::nullopt, OwnerCalls{{std::move(call)}, true},
             [done = std::move(done)](const Reply& reply) { done(refused_as(reply)); });
}

}  // namespace phoenix::bench
