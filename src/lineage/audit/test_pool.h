// For tests and benches: a pool that keeps logs as hosts do, with keys that anybody can compute,
// and exports them. What it does with packets is right; spoiling is up to the test.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lineage/audit/export_format.h"
#include "lineage/crypto/sha256.h"
#include "lineage/form/entry.h"
#include "lineage/tree/log_tree.h"

namespace phoenix::lineage {

inline KeyPair test_pair(std::string_view name) {
  const Digest digest = sha256("test key of ", name);
  Seed seed;
  std::copy(digest.begin(), digest.end(), seed.begin());
  return KeyPair::from_seed(seed);
}

class TestPool {
 public:
  static constexpr const char* kPool = "demo";
  static constexpr const char* kNs = "default";

  struct Held {
    uint64_t legs = 0;
    uint64_t epoch = 0;
    std::optional<Party> owner;
    Digest hash{};
  };
  struct Log {
    std::vector<std::string> entries;
    LogTree tree;
    uint64_t exported = 0;
  };

  // What an exporter has to say of its keys.
  std::vector<NamedKey> roots() const {
    return {{KeyRole::kRoot, kPool, test_pair("root").public_key()}};
  }
  std::string grant(const std::string& host) const { return grant(host, host); }
  std::string grant(const std::string& host, const std::string& key_name) const {
    return sign(test_pair("root"), KeyGrant{kPool, host, test_pair(key_name).public_key(), 1});
  }

  void append(uint32_t log, const Entry& entry) {
    std::string bytes = encode(entry);
    const Digest hash = leaf_hash(bytes);
    if (entry.leg) {
      Held& held = packets_[entry.subject];
      held = {entry.leg->number, entry.epoch, entry.leg->to, hash};
    }
    logs_[log].tree.append(hash);
    logs_[log].entries.push_back(std::move(bytes));
  }

  Entry plain(EntryKind kind, std::string subject, std::string event) {
    Entry entry;
    entry.kind = kind;
    entry.at = ++now_;
    entry.actor = {ActorKind::kHost, "h1"};
    entry.ns = kNs;
    entry.subject = std::move(subject);
    entry.event = std::move(event);
    entry.revision = 1;
    return entry;
  }
  // The entry of a packet's next leg, as far as it follows from the ones before.
  Entry next_leg(const std::string& packet, Cause cause, std::optional<Party> to) {
    const Held& held = packets_[packet];
    Entry entry = plain(EntryKind::kPacket, packet, std::string(cause_name(cause)));
    entry.epoch = held.epoch + (to ? 1 : 0);
    entry.revision = held.legs + 1;
    entry.policy = sha256("policy");
    entry.leg = Leg{};
    entry.leg->number = held.legs + 1;
    entry.leg->previous = held.hash;
    entry.leg->from = held.owner;
    entry.leg->to = std::move(to);
    entry.leg->cause = cause;
    entry.leg->decision = sha256("decision");
    return entry;
  }

  Entry key_entry(const std::string& member, const std::string& key_name) {
    const KeyPair pair = test_pair(key_name);
    Entry entry = plain(EntryKind::kKey, member, "registered");
    entry.key = KeyChange{
        KeyAction::kAdd, KeyRole::kMember, pair.public_key(), "",
        sign(pair, RegistrationProof{kPool, kNs, member, pair.public_key(), sha256("challenge")})};
    return entry;
  }
  void register_member(uint32_t log, const std::string& member) {
    append(log, key_entry(member, member));
    keys_[member] = member;
  }
  void rotate_key(uint32_t log, const std::string& member, const std::string& key_name) {
    Entry entry = key_entry(member, key_name);
    entry.event = "key-rotated";
    entry.key->action = KeyAction::kRotate;
    entry.key->previous = test_pair(keys_[member]).id();
    append(log, entry);
    keys_[member] = key_name;
  }
  // Of a host: its first key, or another one in place of `previous`.
  Entry host_key_entry(const std::string& host, const std::string& key_name,
                       const std::string& previous = "") {
    Entry entry = plain(EntryKind::kKey, host, previous.empty() ? "key-added" : "key-rotated");
    entry.ns.clear();
    entry.key = KeyChange{previous.empty() ? KeyAction::kAdd : KeyAction::kRotate, KeyRole::kHost,
                          test_pair(key_name).public_key(),
                          previous.empty() ? "" : test_pair(previous).id(), grant(host, key_name)};
    return entry;
  }
  Entry revoked_host_key(const std::string& host, const std::string& key_name) {
    Entry entry = host_key_entry(host, key_name);
    entry.event = "key-revoked";
    entry.key->action = KeyAction::kRevoke;
    entry.key->proof.clear();
    return entry;
  }
  KeyPair key_of(const std::string& member) const { return test_pair(keys_.at(member)); }

  void assign(uint32_t log, const std::string& packet, const std::string& member) {
    Entry entry = next_leg(packet, Cause::kAssign, Party{member, 1});
    entry.leg->placement = Placement{77, sha256("candidates of ", packet)};
    append(log, entry);
  }
  void evict(uint32_t log, const std::string& packet, const std::string& member) {
    append(log, next_leg(packet, Cause::kEviction, Party{member, 1}));
  }

  HandoffOffer offer_of(const std::string& packet, const std::string& to) {
    HandoffOffer offer;
    offer.pool = kPool;
    offer.ns = kNs;
    offer.packet = packet;
    offer.epoch = packets_[packet].epoch;
    offer.offer = "offer-" + std::to_string(++now_);
    offer.giver = *packets_[packet].owner;
    offer.receiver = to;
    offer.expires_at = now_ + 5'000;
    offer.context = sha256("context of ", packet);
    offer.contract = sha256("contract");
    offer.scopes = {"read", "write"};
    return offer;
  }
  HandoffAcceptance acceptance_of(const HandoffOffer& offer) const {
    return {
        kPool,         kNs, offer.packet, offer.epoch, sha256(encode(offer)), {offer.receiver, 1},
        offer.context, now_};
  }
  // Approved by that member, if one is named.
  Entry handoff_entry(const HandoffOffer& offer, const std::string& approver = "") {
    Entry entry = next_leg(offer.packet, Cause::kHandoff, Party{offer.receiver, 1});
    entry.leg->context = offer.context;
    entry.leg->contract = offer.contract;
    entry.leg->handoff = HandoffEvidence{sign(key_of(offer.giver.id), offer),
                                         sign(key_of(offer.receiver), acceptance_of(offer)), ""};
    if (!approver.empty()) {
      entry.leg->handoff->approval =
          sign(key_of(approver), Approval{kPool, kNs, offer.packet, offer.epoch,
                                          sha256(encode(offer)), approver, true, now_});
    }
    return entry;
  }
  void hand_off(uint32_t log, const std::string& packet, const std::string& to,
                const std::string& approver = "") {
    append(log, handoff_entry(offer_of(packet, to), approver));
  }

  // All owned by the same member, under one signature.
  void complete(uint32_t log, const std::vector<std::string>& packets) {
    const std::string owner = packets_[packets[0]].owner->id;
    std::vector<std::string> payloads;
    for (const std::string& packet : packets) {
      payloads.push_back(encode(Completion{kPool, kNs, packet, packets_[packet].epoch, owner,
                                           End::kCompleted, sha256("result of ", packet)}));
    }
    const auto evidence = sign_batch(key_of(owner), kPool, Completion::kType, payloads);
    for (size_t i = 0; i < packets.size(); ++i) {
      Entry entry = next_leg(packets[i], Cause::kTerminal, std::nullopt);
      entry.leg->terminal =
          TerminalEvidence{End::kCompleted, sha256("result of ", packets[i]), evidence[i]};
      append(log, entry);
    }
  }

  std::vector<LogHead> heads() const {
    std::vector<LogHead> heads;
    for (const auto& [log, state] : logs_) heads.push_back({log, state.tree.size()});
    return heads;
  }
  void drain(uint32_t log, const std::string& member) {
    Entry entry = plain(EntryKind::kMember, member, "retired");
    entry.certificate =
        sign(test_pair("h1"), DrainCertificate{kPool, kNs, member, 1, now_, heads()});
    append(log, entry);
  }

  Checkpoint checkpoint(const std::string& host) {
    Checkpoint checkpoint{kPool, host, ++now_, {}};
    for (const auto& [log, state] : logs_) {
      checkpoint.logs.push_back({log, state.tree.size(), state.tree.root()});
    }
    return checkpoint;
  }
  // Ends a block of the export; answers the envelope.
  std::string publish(const std::string& host) { return publish(host, host); }
  std::string publish(const std::string& host, const std::string& key_name) {
    const std::string envelope = sign(test_pair(key_name), checkpoint(host));
    blocks_ += export_line(LineKind::kCheckpoint, envelope);
    std::string entries;
    for (auto& [log, state] : logs_) {
      std::vector<Digest> leaves;
      for (; state.exported < state.entries.size(); ++state.exported) {
        const std::string& entry = state.entries[state.exported];
        leaves.push_back(leaf_hash(entry));
        entries += export_line(LineKind::kEntry, entry);
      }
      if (!leaves.empty()) blocks_ += export_hashes(leaves);
    }
    blocks_ += entries;
    signers_[grant(host, key_name)] = host;
    return envelope;
  }
  std::string text() const {
    std::string text = std::string(kExportHeader) + "\n";
    for (const auto& [grant, host] : signers_) text += export_line(LineKind::kGrant, grant);
    return text + blocks_;
  }
  const std::map<uint32_t, Log>& logs() const { return logs_; }
  const std::string& blocks() const { return blocks_; }

 private:
  WallMs now_ = 1'790'000'000'000;
  std::map<uint32_t, Log> logs_;
  std::map<std::string, Held> packets_;
  std::map<std::string, std::string> keys_;  // member to the name of its key
  std::map<std::string, std::string> signers_;
  std::string blocks_;
};

// Two hosts, four members, a drain, a rotation and 20 packets over three checkpoints; answers the
// checkpoints' envelopes.
inline std::vector<std::string> fill(TestPool& pool) {
  for (const char* member : {"a", "b", "c"}) pool.register_member(3, member);
  pool.register_member(5, "human");
  pool.append(3, pool.host_key_entry("h1", "h1"));
  std::vector<std::string> packets;
  for (int i = 0; i < 20; ++i) packets.push_back("pkt_" + std::to_string(i));
  for (int i = 0; i < 20; ++i) pool.assign(i % 2 == 0 ? 3 : 5, packets[i], i % 3 == 0 ? "b" : "a");
  std::vector<std::string> envelopes = {pool.publish("h1")};
  for (int i = 0; i < 20; i += 4) pool.hand_off(3, packets[i], "c", i % 8 == 0 ? "human" : "");
  pool.rotate_key(5, "c", "c-2");
  for (int i = 1; i < 20; i += 2) pool.evict(5, packets[i], "b");
  envelopes.push_back(pool.publish("h2"));
  pool.complete(3, {packets[0], packets[4], packets[8]});
  pool.complete(5, {packets[1], packets[3]});
  for (const int i : {2, 10, 14}) pool.evict(3, packets[i], "b");
  pool.drain(3, "a");
  envelopes.push_back(pool.publish("h1"));
  return envelopes;
}

}  // namespace phoenix::lineage
