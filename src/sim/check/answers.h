// Compares every answer, delivery and revocation that leaves the host with what is durable at that
// moment (I2: nothing leaves that could still be lost), every owner's call that was accepted with
// who had the packet under which epoch (fence), and every answer to a call with an Idempotency-Key
// with the first one that was committed under it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "node/command.h"
#include "sim/check/shadow.h"
#include "store/store.h"

namespace phoenix::sim {

constexpr bool ends_epoch(Call call) { return call >= Call::kComplete && call <= Call::kHandoff; }

class Answers {
 public:
  Answers(const Shadow& shadow, Complain complain)
      : shadow_(shadow), complain_(std::move(complain)) {}

  void reply(const Command& command, const Reply& reply);
  void deliveries(const Command& command, const DeliveriesReply& reply);
  void committed(const PutAnswer& put);

 private:
  struct Final {
    Digest digest{};
    OwnerReply answer;
  };
  void kept(const Command& command, const Reply& reply);
  void packet(const PacketReply& reply);
  void submitted(const SubmitItem& item, const ItemReply& reply);
  void owner_call(const Caller& caller, const OwnerCall& call, const ItemReply& reply);
  void accepted(const Caller& caller, const OwnerCall& call, const OwnerReply& reply);
  void first_final(const Caller& caller, const OwnerCall& call, const OwnerReply& reply);
  bool may_own(const Caller& caller, const std::optional<Owner>& owner) const;
  void members(const MembersReply& reply);
  void attached(const Command& command, const AttachReply& reply);
  void revoked(const Command& command, const std::vector<Revoked>& items);

  const Shadow& shadow_;
  Complain complain_;
  std::map<std::pair<PacketKey, uint64_t>, Final> finals_;
  std::map<Digest, std::string> kept_;  // by scope, as committed
};

}  // namespace phoenix::sim
