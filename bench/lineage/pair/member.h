// A member's own code inside a host's process: it signs what it hands on, checks what it is
// offered, and signs that it takes it.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "lineage/crypto/key.h"
#include "runtime/host.h"

namespace phoenix::bench {

class SigningMember {
 public:
  // What it was delivered and has not handed on yet.
  struct Held {
    PacketKey packet;
    uint64_t epoch = 0;
    std::optional<Digest> contract;
  };
  // "" if it went well, else the refusal's reason.
  using Done = std::function<void(const std::string& refused)>;

  // `host` outlives it.
  SigningMember(Host& host, std::string id, uint32_t room);

  // Registers, and listens from then on; every offer is checked and, if all is well, accepted.
  // `partner` is who offers.
  void join(const std::string& partner);
  // It is registered and hears.
  bool here() const { return hears_; }
  const std::string& refusal() const { return refusal_; }
  std::deque<Held>& held() { return held_; }

  // Requires: here.
  void hand_off(Held what, const std::string& to, std::shared_ptr<const Content> context,
                Done done);

 private:
  void listen();
  void take(const DeliveriesReply& portion);
  void accept(const Offered& offered);
  Caller caller() const;
  Digest next_digest();

  Host& host_;
  std::string id_;
  uint32_t room_;
  lineage::KeyPair key_;
  lineage::PublicKey partner_;
  std::string partner_key_id_;
  SessionRecord session_;
  uint64_t incarnation_ = 0;
  bool hears_ = false;
  std::string refusal_;  // of its joining, if it was refused
  uint64_t calls_ = 0;
  std::deque<Held> held_;
  std::set<std::pair<PacketKey, uint64_t>> accepted_;  // and not delivered yet
};

}  // namespace phoenix::bench
