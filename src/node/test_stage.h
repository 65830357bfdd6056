// For tests of the node: one node under virtual time, over a store of maps that does what it is
// told. Every input is followed by all that comes of it at once; only advance() makes time pass.
// Names of members stand for their session too. Everything happens in the namespace "default".
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "node/node.h"
#include "node/test_answers.h"
#include "node/test_records.h"

namespace phoenix::testing_node {

// What happens to the next groups, until it is set again.
enum class StoreMode { kWell, kHold, kRefuse, kConflict, kUnknown };

// A member as its process knows it.
struct Worker {
  std::string id;
  std::string session;
  uint64_t generation = 1;
  uint64_t incarnation = 0;
  std::optional<std::string> after;  // `next` of the last answer
};

struct MemberOptions {
  uint32_t max_load = 1;
  uint32_t lease_seconds = 3;
  std::optional<uint32_t> grace_ms{};
  bool replace = false;
  std::string principal = "tester";
  uint32_t weight = 100;
};

inline Digest digest_of(const std::string& text) {
  Digest digest{};
  uint64_t hash = 1469598103934665603ULL;
  for (size_t round = 0; round < 4; ++round) {
    for (const char c : text + static_cast<char>('0' + round)) {
      hash = (hash ^ static_cast<uint8_t>(c)) * 1099511628211ULL;
    }
    for (size_t i = 0; i < 8; ++i) digest[round * 8 + i] = static_cast<uint8_t>(hash >> (8 * i));
  }
  return digest;
}

inline std::shared_ptr<const Content> json(std::string text) {
  return std::make_shared<const Content>(Content{true, "", std::move(text)});
}

class Stage {
 public:
  explicit Stage(NodeConfig config = {}) : config_(std::move(config)) { start(); }

  // --- the world ---
  void start() {
    config_.run = ++run_;
    node_ = std::make_unique<Node>(config_);
    EndedCounts ended{};
    for (const auto& [key, packet] : records.packets) {
      if (is_terminal(packet.status)) {
        ++ended[static_cast<size_t>(packet.status)];
      } else {
        node_->recover_packet(packet);
      }
    }
    node_->recover_ended(ended);
    node_->recover_incarnation_floor(records.incarnation_floor);
    for (const auto& [key, record] : records.members) node_->recover_member(record);
    for (const auto& [id, record] : records.sessions) node_->recover_session(record);
    for (const auto& [key, document] : records.documents) node_->recover_document(document);
    node_->ready(now());
    pump();
  }
  // What was held has never happened.
  void crash() {
    node_.reset();
    held_.clear();
    answers_.clear();
    portions.clear();
    mode_ = StoreMode::kWell;
  }
  void restart() {
    crash();
    start();
  }
  void advance(Duration length) {
    const Instant end = now_ + length;
    while (now_ < end) {
      Instant next = std::min(end, now_ + milliseconds(50));
      next = std::min(next, std::max(node_->next_deadline(), now_ + milliseconds(1)));
      now_ = next;
      node_->tick(now());
      pump();
    }
  }
  // The host stands still: time passes, and it does not notice it.
  void freeze(Duration length) { now_ = now_ + length; }
  // The wall clock alone jumps.
  void jump(Duration length) { wall_skew_ms_ += length.ms(); }
  void tick() {
    node_->tick(now());
    pump();
  }
  void shut_down() {
    node_->begin_shutdown(now());
    pump();
  }
  Now now() const { return Now{now_, kWall + wall_skew_ms_ + (now_ - Instant{}).ms()}; }

  // kWell also lets go of what was held, in order.
  void store(StoreMode mode) {
    mode_ = mode;
    if (mode != StoreMode::kWell) return;
    for (Batch& batch : std::exchange(held_, {})) finish(std::move(batch.groups), batch.id);
    pump();
  }
  // Of batches whose outcome was said to be unknown: whether they had happened.
  Resolution resolution = Resolution::kApplied;
  size_t held() const { return held_.size(); }
  bool refuse_reads = false;

  Node& node() { return *node_; }
  Records records;
  std::vector<StreamPortion> portions;  // since they were last taken
  std::vector<Group> written;           // every group handed to the store, as it was handed

  // --- asking ---
  RequestId ask(Caller caller, CommandBody body, std::optional<Idempotency> key = std::nullopt) {
    Command command;
    command.id = ++last_request_;
    command.caller = std::move(caller);
    command.idempotency = key;
    command.body = std::move(body);
    const RequestId id = command.id;
    node_->command(now(), std::move(command));
    pump();
    return id;
  }
  // nullptr: not answered yet.
  const Reply* answer(RequestId id) const {
    const auto it = answers_.find(id);
    return it == answers_.end() ? nullptr : &it->second;
  }
  // The answer that is there at once.
  ReplyBody call(Caller caller, CommandBody body, std::optional<Idempotency> key = std::nullopt) {
    const RequestId id = ask(std::move(caller), std::move(body), key);
    if (answer(id) != nullptr) return answer(id)->body;
    ADD_FAILURE() << "no answer";
    return Error{.kind = ErrorKind::kInternal, .detail = "no answer"};
  }
  size_t answers() const { return answers_.size(); }

  static Caller principal(std::string name = "tester") {
    Caller caller;
    caller.principal = std::move(name);
    return caller;
  }
  static Caller op() {
    Caller caller = principal("operator");
    caller.is_operator = true;
    return caller;
  }
  static Caller token(const Worker& worker) {
    Caller caller;
    caller.session = worker.session;
    caller.generation = worker.generation;
    return caller;
  }
  static Caller as(std::string member, std::string who = "tester") {
    Caller caller = principal(std::move(who));
    caller.as_member = std::move(member);
    return caller;
  }
  static PacketKey packet(const std::string& id) { return PacketKey("default", id); }
  static MemberKey member(const std::string& id) { return MemberKey("default", id); }
  static SessionRef ref(const Worker& worker) { return {"default", worker.id, ""}; }

  // --- members ---
  static MemberRecord record(const std::string& id, std::vector<std::string> capabilities,
                             const MemberOptions& options = {}) {
    MemberRecord wanted;
    wanted.key = member(id);
    wanted.capabilities = std::move(capabilities);
    wanted.max_load = options.max_load;
    wanted.weight = options.weight;
    return wanted;
  }
  Register registration(std::vector<MemberRecord> members, const MemberOptions& options = {}) {
    Register wanted;
    wanted.single = members.size() == 1;
    wanted.members = std::move(members);
    wanted.lease_seconds = options.lease_seconds;
    wanted.grace_ms = options.grace_ms;
    wanted.replace = options.replace;
    wanted.session_id = "s" + std::to_string(++last_session_);
    return wanted;
  }
  Worker join(const std::string& id, std::vector<std::string> capabilities,
              const MemberOptions& options = {}) {
    return joined(id, call(principal(options.principal),
                           registration({record(id, std::move(capabilities), options)}, options)));
  }
  // Several members of one session.
  Worker join_all(const std::vector<std::string>& ids, const std::vector<std::string>& capabilities,
                  const MemberOptions& options = {}) {
    std::vector<MemberRecord> wanted;
    for (const std::string& id : ids) wanted.push_back(record(id, capabilities, options));
    Worker worker = joined(
        ids[0], call(principal(options.principal), registration(std::move(wanted), options)));
    return worker;
  }
  void join_manual(const std::string& id, std::vector<std::string> capabilities,
                   uint32_t max_load = 1) {
    MemberRecord wanted = record(id, std::move(capabilities), {.max_load = max_load});
    wanted.manual = true;
    const ReplyBody reply = call(principal(), registration({wanted}));
    EXPECT_TRUE(std::holds_alternative<MembersReply>(reply));
  }
  static Worker joined(const std::string& id, const ReplyBody& reply) {
    Worker worker;
    worker.id = id;
    const auto* made = std::get_if<MembersReply>(&reply);
    if (made == nullptr || !made->session) {
      ADD_FAILURE() << id << " was not registered";
      return worker;
    }
    worker.session = made->session->id;
    worker.generation = made->session->generation;
    worker.incarnation = made->incarnation.value_or(0);
    return worker;
  }

  DeliveriesReply poll(Worker& worker, uint32_t max = 100) {
    return deliveries(worker, call(token(worker), Poll{ref(worker), max, {}, worker.after}));
  }
  DeliveriesReply heartbeat(Worker& worker) {
    return deliveries(worker, call(token(worker), Heartbeat{ref(worker), worker.after}));
  }
  static DeliveriesReply deliveries(Worker& worker, const ReplyBody& reply) {
    const auto* got = std::get_if<DeliveriesReply>(&reply);
    if (got == nullptr) {
      ADD_FAILURE() << worker.id << " was refused: " << std::get<Error>(reply).detail;
      return {};
    }
    worker.after = got->next;
    return *got;
  }
  AttachReply attach(Worker& worker) {
    const ReplyBody reply = call(token(worker), Attach{ref(worker)});
    const auto* got = std::get_if<AttachReply>(&reply);
    if (got == nullptr) {
      ADD_FAILURE() << worker.id << " could not attach: " << std::get<Error>(reply).detail;
      return {};
    }
    worker.generation = got->session.generation;
    worker.incarnation = got->incarnation.value_or(worker.incarnation);
    worker.after = got->next;
    return *got;
  }

  // --- packets ---
  using Change = std::function<void(PacketSpec&)>;
  static SubmitItem item(const std::string& id, std::vector<std::string> required,
                         const Change& change = {}, const std::string& payload = "1") {
    SubmitItem wanted;
    wanted.key = packet(id);
    wanted.required = std::move(required);
    wanted.payload = json(payload);
    PacketSpec spec;
    spec.create_digest = digest_of(payload.substr(0, 100));
    if (change) change(spec);
    wanted.spec = std::make_shared<const PacketSpec>(std::move(spec));
    return wanted;
  }
  static Submit single(SubmitItem wanted) {
    Submit submit;
    submit.items.emplace_back(std::move(wanted));
    submit.single = true;
    return submit;
  }
  ReplyBody submit(const std::string& id, std::vector<std::string> required,
                   const Change& change = {}, const std::string& payload = "1") {
    return call(principal(), single(item(id, std::move(required), change, payload)));
  }

  // Content, seq and so on are the caller's to fill in.
  static OwnerCall owner_call(Call kind, const std::string& id, uint64_t epoch,
                              const std::string& content = "1") {
    OwnerCall wanted;
    wanted.call = kind;
    wanted.key = packet(id);
    wanted.epoch = epoch;
    if (kind == Call::kComplete || kind == Call::kCheckpoint) wanted.content = json(content);
    wanted.error = {"it failed", "tester"};
    wanted.digest =
        digest_of(std::string(call_name(kind)) + " " + std::to_string(epoch) + " " + content);
    return wanted;
  }
  ReplyBody own(Caller caller, OwnerCall wanted) {
    return call(std::move(caller), OwnerCalls{{std::move(wanted)}, true});
  }
  ReplyBody own(const Worker& worker, Call kind, const std::string& id, uint64_t epoch,
                const std::string& content = "1") {
    return own(token(worker), owner_call(kind, id, epoch, content));
  }
  ReplyBody hand_to(const Worker& worker, const std::string& id, uint64_t epoch,
                    const std::string& to) {
    OwnerCall wanted = owner_call(Call::kHandoff, id, epoch, to);
    wanted.to = to;
    return own(token(worker), std::move(wanted));
  }
  ReplyBody order(Order kind, const std::string& id, const std::string& to = "") {
    OrderPacket wanted;
    wanted.order = kind;
    wanted.key = packet(id);
    wanted.to = to;
    return call(op(), std::move(wanted));
  }

  // As it is durable, with what the host knows beside it.
  PacketView show(const std::string& id) {
    if (auto live = node_->find(packet(id))) return *live;
    const auto it = records.packets.find(packet(id));
    if (it == records.packets.end()) {
      ADD_FAILURE() << "no packet " << id;
      return {std::make_shared<const Packet>(), Status::kPending, {}};
    }
    return {std::make_shared<const Packet>(it->second), it->second.status, {}};
  }
  Status status(const std::string& id) { return show(id).status; }
  std::string owner(const std::string& id) {
    const PacketView shown = show(id);
    return shown.head->owner ? shown.head->owner->id : "";
  }
  uint64_t epoch(const std::string& id) { return show(id).head->epoch; }
  std::optional<ParkReason> parked(const std::string& id) {
    const PacketView shown = show(id);
    if (!shown.parked) return std::nullopt;
    return shown.parked->reason;
  }
  MemberStatus member_status(const std::string& id) {
    const auto found = node_->find_member(member(id));
    if (!found) ADD_FAILURE() << "no member " << id;
    return found ? found->record->status : MemberStatus::kRetired;
  }
  uint32_t load(const std::string& id) { return node_->find_member(member(id))->current_load; }
  void close_stream(RequestId stream, bool by_peer) {
    node_->stream_closed(now(), stream, by_peer);
    pump();
  }
  void abandon(RequestId id) {
    node_->abandon(now(), id);
    pump();
  }

 private:
  static constexpr WallMs kWall = 1'800'000'000'000;
  struct Batch {
    uint64_t id;
    std::vector<Group> groups;
  };

  void pump() {
    while (node_->has_output()) {
      Output out = node_->take_output();
      for (Reply& reply : out.replies) {
        EXPECT_TRUE(answers_.emplace(reply.id, reply).second) << "answered twice: " << reply.id;
      }
      for (StreamPortion& portion : out.portions) portions.push_back(std::move(portion));
      if (!out.groups.empty()) write(std::move(out.groups));
      for (const PacketKey& key : out.loads) load_packet(key);
      for (const PacketKey& key : out.wanted_payloads) read_payload(key);
      for (const uint64_t batch : out.resolves) resolve(batch);
      for (const uint64_t id : out.wanted_heads) {
        node_->heads(now(), id, LogHeads{{{1, records.log.size()}}});
      }
    }
    for (const std::string& wrong : node_->check()) ADD_FAILURE() << wrong;
  }
  void write(std::vector<Group> groups) {
    const uint64_t id = ++last_batch_;
    written.insert(written.end(), groups.begin(), groups.end());
    if (mode_ == StoreMode::kHold) {
      held_.push_back({id, std::move(groups)});
    } else {
      finish(std::move(groups), id);
    }
  }
  void finish(std::vector<Group> groups, uint64_t batch) {
    std::vector<uint64_t> ids;
    std::vector<Outcome> outcomes;
    for (const Group& group : groups) {
      ids.push_back(group.id);
      outcomes.push_back(mode_ == StoreMode::kRefuse     ? Outcome::kRefused
                         : mode_ == StoreMode::kConflict ? Outcome::kConflict
                         : mode_ == StoreMode::kUnknown  ? Outcome::kUnknown
                                                         : records.apply(group));
      EXPECT_TRUE(mode_ != StoreMode::kWell || outcomes.back() == Outcome::kCommitted)
          << "an expectation did not hold: " << records.refused;
    }
    if (mode_ == StoreMode::kUnknown) unknown_[batch] = std::move(groups);
    node_->completed(now(), batch, ids, outcomes, "no space left on device");
  }
  void resolve(uint64_t batch) {
    asked_to_resolve.push_back(batch);
    if (resolution == Resolution::kUnknown) return;
    if (resolution == Resolution::kApplied) {
      for (const Group& group : unknown_[batch]) {
        EXPECT_EQ(records.apply(group), Outcome::kCommitted);
      }
    }
    unknown_.erase(batch);
    node_->resolved(now(), batch, resolution);
  }
  void read_payload(const PacketKey& key) {
    ++payload_reads;
    if (hold_payloads) {
      held_payloads.push_back(key);
    } else if (refuse_reads) {
      node_->payload(now(), key, fail(ErrorKind::kStoreUnreachable, "the store cannot be read"));
    } else {
      node_->payload(now(), key, records.payload(key));
    }
  }
  void load_packet(const PacketKey& key) {
    ++loads;
    if (refuse_reads) {
      node_->loaded(now(), key, fail(ErrorKind::kStoreUnreachable, "the store cannot be read"));
      return;
    }
    PacketLookup lookup;
    if (const auto it = records.packets.find(key); it != records.packets.end()) {
      lookup.head = it->second;
    } else if (const auto gone = records.tombstones.find(key); gone != records.tombstones.end()) {
      lookup.tombstone = gone->second;
    }
    node_->loaded(now(), key, lookup);
  }

 public:
  std::vector<uint64_t> asked_to_resolve;
  uint64_t loads = 0;
  uint64_t payload_reads = 0;
  bool hold_payloads = false;  // what is asked for waits in `held_payloads`
  std::vector<PacketKey> held_payloads;
  void answer_payloads() {
    hold_payloads = false;
    for (const PacketKey& key : std::exchange(held_payloads, {})) read_payload(key);
    pump();
  }
  // Says again of a batch that was unknown what became of it.
  void resolve_now(uint64_t batch) {
    resolve(batch);
    pump();
  }

 private:
  NodeConfig config_;
  std::unique_ptr<Node> node_;
  Instant now_{1'000'000'000};
  int64_t wall_skew_ms_ = 0;
  uint64_t run_ = 0;
  uint64_t last_batch_ = 0;
  uint64_t last_session_ = 0;
  RequestId last_request_ = 0;
  StoreMode mode_ = StoreMode::kWell;
  std::vector<Batch> held_;
  std::map<uint64_t, std::vector<Group>> unknown_;
  std::map<RequestId, Reply> answers_;
};

}  // namespace phoenix::testing_node
