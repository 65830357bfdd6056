// For tests: several nodes under virtual time that share a store of maps and talk to each other.
// Messages arrive at once, in order, unless a link is cut (then they are lost) or held back. Calls
// go to the host that the test names; which slots a host drives, the test says. With `lag`,
// messages and the store's answers take their time, and only advance() makes them arrive.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "node/node.h"
#include "node/remote/about_bytes.h"
#include "node/test_stage.h"

namespace phoenix::testing_node {

class Hosts {
 public:
  // With a key for each host, or without any.
  explicit Hosts(const std::vector<std::string>& names,
                 std::optional<lineage::KeyPair> key = std::nullopt)
      : key_(std::move(key)) {
    for (const std::string& name : names) start(name);
    tell_view();
    for (const auto& [a, host] : hosts_) {
      for (const auto& [b, other] : hosts_) {
        if (a != b) host->node->link_up(now(), other->life);
      }
    }
    // Slot i is the host's that comes as number i in turn.
    std::map<std::string, std::vector<SlotId>> shares;
    for (uint32_t slot = 0; slot < kSlots; ++slot) {
      shares[names[slot % names.size()]].push_back(static_cast<SlotId>(slot));
    }
    for (const auto& [name, slots] : shares) drive(name, slots);
    beat();
  }

  // --- hosts ---
  void start(const std::string& name) {
    auto host = std::make_unique<Host>();
    host->life = {name, ++lives_};
    NodeConfig config;
    config.host = name;
    config.self = host->life;
    config.pool = "pool";
    if (key_) config.signer = lineage::NamedKeyPair{lineage::KeyRole::kHost, name, *key_};
    host->node = std::make_unique<Node>(config);
    for (const auto& [key, record] : records.members) host->node->recover_member(record);
    for (const auto& [id, record] : records.sessions) host->node->recover_session(record);
    host->node->recover_incarnation_floor(records.incarnation_floor);
    host->node->ready(now());
    hosts_[name] = std::move(host);
    pump();
  }
  // Its memory is lost, and the view drops it a while later: lose().
  void kill(const std::string& name) {
    dead_[hosts_.at(name)->life] = now_;
    for (const auto& [slot, keeper] : slots_) {
      if (keeper == name) orphaned_.insert(slot);
    }
    released_by.erase(name);
    hosts_.erase(name);
  }
  // Another life of it joins, under the same name.
  void join_again(const std::string& name) {
    start(name);
    tell_view();
    for (const std::string& other : alive()) {
      if (other == name) continue;
      hosts_.at(name)->node->link_up(now(), life(other));
      hosts_.at(other)->node->link_up(now(), life(name));
    }
    beat();
    pump();
  }
  // The view drops every host that was killed; their slots go to `heir`.
  void drop_dead(const std::string& heir) {
    std::vector<SlotId> slots(orphaned_.begin(), orphaned_.end());
    orphaned_.clear();
    fence_dead();
    drive(heir, slots);
  }
  // The view drops them, and nobody has taken their slots over yet.
  void fence_dead() {
    for (const auto& [life, silent] : dead_) fenced_.insert(life);
    tell_view();
  }
  void tell_view() {
    std::vector<HostLife> lives;
    for (const auto& [name, host] : hosts_) lives.push_back(host->life);
    std::sort(lives.begin(), lives.end());
    std::vector<Node::Dropped> dropped;
    for (const auto& [life, silent] : dead_) dropped.push_back({life, silent});
    for (const auto& [name, host] : hosts_) {
      const std::string own = name;
      host->node->view(now(), lives, dropped,
                       [this, own](const std::string&) { return own == hosts_.begin()->first; });
      compare(name);
    }
    pump();
  }
  void drive(const std::string& name, const std::vector<SlotId>& slots) {
    for (const SlotId slot : slots) slots_[slot] = name;
    hosts_.at(name)->node->drive(now(), slots, scan(slots));
    pump();
  }
  // Moves them as one host gives them up and another takes them over.
  void move(const std::vector<SlotId>& slots, const std::string& from, const std::string& to) {
    released.clear();
    hosts_.at(from)->node->give_up(now(), slots);
    pump();
    EXPECT_EQ(released.size(), slots.size());
    drive(to, slots);
  }
  void give_up(const std::string& name, const std::vector<SlotId>& slots) {
    hosts_.at(name)->node->give_up(now(), slots);
    pump();
  }
  // Every host hears from the store, as it does a few times in each lease.
  void beat() {
    beat_at_ = now_ + milliseconds(100);
    std::vector<HostLife> lives;
    for (const auto& [name, host] : hosts_) lives.push_back(host->life);
    for (const auto& [life, silent] : dead_) {
      if (!fenced_.contains(life)) lives.push_back(life);
    }
    for (const auto& [name, host] : hosts_) {
      if (!without_store.contains(name)) host->node->hold_renewed(now(), now_, lives);
    }
  }
  std::optional<uint32_t> own_log;      // of every host, as it is told
  size_t longest_records = 0;           // about how many bytes the longest of these messages took
  std::set<std::string> without_store;  // hosts that it does not answer
  void advance(Duration length) {
    const Instant end = now_ + length;
    while (now_ < end) {
      const Instant next = std::min(end, now_ + milliseconds(20));
      while (!later_.empty() && later_.begin()->first <= next) {
        now_ = std::max(now_, later_.begin()->first);
        const auto event = later_.extract(later_.begin());
        event.mapped()();
        pump();
      }
      now_ = next;
      if (now_ >= beat_at_) beat();
      for (const auto& [name, host] : hosts_) host->node->tick(now());
      pump();
    }
  }
  Now now() const { return Now{now_, 1'800'000'000'000 + now_.ns / 1'000'000}; }
  Node& node(const std::string& name) { return *hosts_.at(name)->node; }
  const HostLife& life(const std::string& name) { return hosts_.at(name)->life; }

  // None: everything arrives at once.
  std::function<Duration()> lag;
  std::function<Duration()> store_lag;  // of a write; none: as of all else
  // Offers that have left are checked at once; else at the next tick.
  bool checks_soon = true;
  // What hosts are there, in order.
  std::vector<std::string> alive() const {
    std::vector<std::string> names;
    for (const auto& [name, host] : hosts_) names.push_back(name);
    return names;
  }
  // Who drives the slot now; empty: nobody.
  std::string driver(SlotId slot) const {
    for (const auto& [name, host] : hosts_) {
      if (host->node->drives(slot)) return name;
    }
    return "";
  }

  // --- links, one way each ---
  void cut(const std::string& from, const std::string& to) { cut_.insert({from, to}); }
  void cut_both(const std::string& a, const std::string& b) {
    cut(a, b);
    cut(b, a);
  }
  void heal() {
    const std::set<std::pair<std::string, std::string>> mended = std::exchange(cut_, {});
    ++links_;  // what was on its way is lost with the old links
    for (const auto& [from, host] : hosts_) {
      for (const auto& [to, other] : hosts_) {
        if (lag && from != to) host->node->link_up(now(), other->life);
      }
    }
    for (const auto& [from, to] : mended) {
      if (hosts_.contains(from) && hosts_.contains(to)) {
        hosts_.at(from)->node->link_up(now(), life(to));
      }
    }
    pump();
  }
  void hold(const std::string& from, const std::string& to) { held_back_.insert({from, to}); }
  void let_go() {
    held_back_.clear();
    pump();
  }
  void let_go(const std::string& from, const std::string& to) {
    held_back_.erase({from, to});
    pump();
  }
  // Says all that was ever said between two hosts once more, in order.
  void repeat_all(const std::string& from, const std::string& to) {
    const std::vector<NodeMessage> said = said_[{from, to}];
    for (const NodeMessage& message : said) {
      hosts_.at(to)->node->receive(now(), life(from), message);
      pump();
    }
  }
  template <class T>
  std::vector<T> messages(const std::string& from, const std::string& to) {
    std::vector<T> all;
    for (const NodeMessage& message : said_[{from, to}]) {
      if (const T* one = std::get_if<T>(&message)) all.push_back(*one);
    }
    return all;
  }
  template <class T>
  size_t said(const std::string& from, const std::string& to) {
    return messages<T>(from, to).size();
  }

  // --- the store ---
  testing_node::Records records;
  std::vector<SlotId> released;
  std::map<std::string, std::set<SlotId>> released_by;
  void hold_writes(const std::string& name) { hosts_.at(name)->hold_writes = true; }
  // Its writes are carried out, and it never hears of it.
  void leave_untold(const std::string& name, bool so = true) { hosts_.at(name)->untold = so; }
  void let_writes_go(const std::string& name) {
    Host& host = *hosts_.at(name);
    host.hold_writes = false;
    for (Group& group : std::exchange(host.held, {})) commit(name, host, group);
    pump();
  }

  // --- asking ---
  RequestId ask(const std::string& name, Caller caller, CommandBody body,
                std::optional<Idempotency> key = std::nullopt) {
    Command command;
    command.id = ++last_request_;
    command.caller = std::move(caller);
    command.idempotency = key;
    command.body = std::move(body);
    hosts_.at(name)->node->command(now(), std::move(command));
    pump();
    return last_request_;
  }
  const ReplyBody* answer(RequestId id) const {
    const auto it = answers_.find(id);
    return it == answers_.end() ? nullptr : &it->second;
  }
  ReplyBody call(const std::string& name, Caller caller, CommandBody body,
                 std::optional<Idempotency> key = std::nullopt) {
    const RequestId id = ask(name, std::move(caller), std::move(body), key);
    if (answer(id) != nullptr) return *answer(id);
    ADD_FAILURE() << "no answer";
    return Error{.kind = ErrorKind::kInternal, .detail = "no answer"};
  }
  Worker join(const std::string& host, const std::string& id, const MemberOptions& options = {}) {
    Register wanted;
    wanted.single = true;
    wanted.members = {Stage::record(id, {"a"}, options)};
    wanted.lease_seconds = options.lease_seconds;
    wanted.replace = options.replace;
    wanted.session_id = "s" + std::to_string(++last_session_);
    return Stage::joined(id, call(host, Stage::principal(options.principal), wanted));
  }
  // An id whose packet `keeper` keeps: "p1", "p2" and so on, each once.
  std::string id_at(const std::string& keeper) {
    for (;;) {
      const std::string id = "p" + std::to_string(++last_id_);
      const SubmitItem item = Stage::item(id, {"a"});
      if (slots_.at(slot_of(point_of_new(RingKey{}, item))) == keeper) return id;
    }
  }
  static SlotId slot(const std::string& id) {
    return slot_of(point_of_new(RingKey{}, Stage::item(id, {"a"})));
  }
  // Submitted at its keeper.
  std::string submit(const std::string& keeper, const Stage::Change& change = {}) {
    const std::string id = id_at(keeper);
    const ReplyBody reply =
        call(keeper, Stage::principal(), Stage::single(Stage::item(id, {"a"}, change)));
    EXPECT_EQ(refusal(reply), std::nullopt) << error_of(reply).detail;
    return id;
  }
  DeliveriesReply poll(const std::string& host, Worker& worker, uint32_t max = 100) {
    return Stage::deliveries(
        worker, call(host, Stage::token(worker), Poll{Stage::ref(worker), max, {}, worker.after}));
  }
  AttachReply attach(const std::string& host, Worker& worker) {
    const ReplyBody reply = call(host, Stage::token(worker), Attach{Stage::ref(worker)});
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
  ReplyBody own(const std::string& host, const Worker& worker, Call kind, const std::string& id,
                uint64_t epoch) {
    return call(host, Stage::token(worker), OwnerCalls{{Stage::owner_call(kind, id, epoch)}, true});
  }
  std::string owner(const std::string& id) {
    const Packet& head = records.packets.at(Stage::packet(id));
    return head.owner ? head.owner->id : "";
  }
  uint64_t epoch(const std::string& id) { return records.packets.at(Stage::packet(id)).epoch; }
  Status status(const std::string& id) { return records.packets.at(Stage::packet(id)).status; }
  std::string home(const std::string& session) { return records.sessions.at(session).home.host; }
  uint32_t load(const std::string& host, const std::string& member) {
    return node(host).find_member(Stage::member(member))->current_load;
  }

  void pump() {
    for (bool more = true; more;) {
      more = false;
      for (const auto& [name, host] : hosts_) {
        while (host->node->has_output()) {
          carry_out(name, *host);
          more = true;
        }
      }
      more = deliver() || more;
      if (more || !checks_soon) continue;
      // What was sent on unchecked has left by now.
      for (const auto& [name, host] : hosts_) {
        if (!host->node->has_unchecked()) continue;
        host->node->tick(now());
        more = true;
      }
    }
    for (const auto& [name, host] : hosts_) {
      for (const std::string& wrong : host->node->check()) ADD_FAILURE() << name << ": " << wrong;
    }
  }

 private:
  struct Host {
    HostLife life;
    std::unique_ptr<Node> node;
    bool hold_writes = false;
    std::vector<Group> held;
    bool untold = false;  // what has become of its writes
  };
  struct Letter {
    std::string from;
    std::string to;
    HostLife sender;
    HostLife receiver;
    NodeMessage message;
  };

  void carry_out(const std::string& name, Host& host) {
    Output out = host.node->take_output();
    for (Reply& reply : out.replies) {
      EXPECT_TRUE(answers_.emplace(reply.id, reply.body).second) << "answered twice";
    }
    for (Group& group : out.groups) {
      if (host.hold_writes) {
        host.held.push_back(std::move(group));
      } else {
        commit(name, host, group);
      }
    }
    for (NodeMessageOut& told : out.messages) send(name, host, std::move(told));
    for (const SlotId slot : out.released) {
      released.push_back(slot);
      released_by[name].insert(slot);
    }
    for (const PacketKey& key : out.loads) {
      PacketLookup lookup;
      const auto it = records.packets.find(key);
      if (it != records.packets.end()) lookup.head = it->second;
      later(name, [this, key, lookup](Node& node) { node.loaded(now(), key, lookup); });
    }
    if (without_store.contains(name)) return;
    for (const PacketKey& key : out.wanted_payloads) {
      later(name, [this, key](Node& node) { node.payload(now(), key, records.payload(key)); });
    }
    for (const uint64_t id : out.wanted_heads) {
      const LogHeads heads = {{{1, records.log.size()}}, own_log};
      later(name, [this, id, heads](Node& node) { node.heads(now(), id, heads); });
    }
    if (!out.wanted_members.empty() || !out.wanted_sessions.empty()) look_up(name, out);
    for (const HeldQuery& query : out.wanted_held) {
      std::vector<Packet> found;
      for (const auto& [key, packet] : records.packets) {
        if (is_terminal(packet.status) || !packet.owner) continue;
        const MemberKey member(key.ns(), packet.owner->id);
        if (std::find(query.members.begin(), query.members.end(), member) != query.members.end()) {
          found.push_back(packet);
        }
      }
      later(name, [this, id = query.id, found](Node& node) { node.held(now(), id, found); });
    }
  }
  // The answer comes a while after it has become so.
  void commit(const std::string& name, const Host& host, const Group& group) {
    if (!lag) {
      const std::vector<Outcome> outcomes = {records.apply(group)};
      if (host.untold) return;
      return done(*host.node, group.id, outcomes);
    }
    Instant& last = store_busy_[host.life];
    last = std::max(last, now_ + (store_lag ? store_lag() : lag()));
    later_.emplace(last, [this, name, group, life = host.life] {
      if (fenced_.contains(life)) return;
      const std::vector<Outcome> outcomes = {records.apply(group)};
      const auto it = hosts_.find(name);
      if (it == hosts_.end() || it->second->life != life) return;
      later(name, [this, id = group.id, outcomes](Node& node) { done(node, id, outcomes); });
    });
  }
  void done(Node& node, uint64_t group, const std::vector<Outcome>& outcomes) {
    const std::vector<uint64_t> ids = {group};
    node.completed(now(), ++last_batch_, ids, outcomes, "");
  }
  // The store's answers to this life of a host, in order.
  void later(const std::string& name, std::function<void(Node&)> what) {
    Host& host = *hosts_.at(name);
    if (!lag) return what(*host.node);
    Instant& last = answers_due_[host.life];
    last = std::max(last, now_ + lag());
    later_.emplace(last, [this, name, what = std::move(what), life = host.life] {
      const auto it = hosts_.find(name);
      if (it != hosts_.end() && it->second->life == life) what(*it->second->node);
    });
  }
  void look_up(const std::string& name, const Output& out) {
    phoenix::Records found;
    for (const MemberKey& key : out.wanted_members) {
      const auto it = records.members.find(key);
      if (it == records.members.end()) {
        found.gone_members.push_back(key);
      } else {
        found.members.push_back(std::make_shared<const MemberRecord>(it->second));
      }
    }
    for (const std::string& id : out.wanted_sessions) {
      const auto it = records.sessions.find(id);
      if (it == records.sessions.end()) {
        found.gone_sessions.push_back(id);
      } else {
        found.sessions.push_back(std::make_shared<const SessionRecord>(it->second));
      }
    }
    later(name, [this, found](Node& node) { node.learn(now(), found); });
  }
  void send(const std::string& from, const Host& host, NodeMessageOut told) {
    if (const auto* news = std::get_if<phoenix::Records>(&told.message)) {
      size_t bytes = 0;
      for (const auto& session : news->sessions) bytes += about_bytes(*session);
      for (const auto& member : news->members) bytes += about_bytes(*member);
      longest_records = std::max(longest_records, bytes);
    }
    for (const auto& [to, other] : hosts_) {
      if (to == from || (!told.to.empty() && told.to != other->life)) continue;
      if (cut_.contains({from, to})) continue;
      said_[{from, to}].push_back(told.message);
      if (lag) {
        Instant& last = link_due_[{from, to}];
        last = std::max(last, now_ + lag());
        const Letter letter = {from, to, host.life, other->life, told.message};
        later_.emplace(last, [this, letter, link = links_] {
          if (link == links_ && !cut_.contains({letter.from, letter.to})) hand_over(letter);
        });
        continue;
      }
      letters_.push_back({from, to, host.life, other->life, told.message});
    }
  }
  bool deliver() {
    std::deque<Letter> kept;
    bool any = false;
    std::deque<Letter> letters = std::exchange(letters_, {});
    for (Letter& letter : letters) {
      const auto it = hosts_.find(letter.to);
      if (it == hosts_.end() || it->second->life != letter.receiver) continue;
      if (held_back_.contains({letter.from, letter.to})) {
        kept.push_back(std::move(letter));
        continue;
      }
      hand_over(letter);
      any = true;
    }
    letters_.insert(letters_.begin(), kept.begin(), kept.end());
    return any;
  }
  void hand_over(const Letter& letter) {
    const auto it = hosts_.find(letter.to);
    if (it == hosts_.end() || it->second->life != letter.receiver) return;
    it->second->node->receive(now(), letter.sender, letter.message);
    const auto* all = std::get_if<DeliverAll>(&letter.message);
    if (all != nullptr && all->last) compare(letter.to);
  }
  // What the host knows of members and sessions, with what stands.
  void compare(const std::string& name) {
    if (without_store.contains(name)) return;
    RecordPage page;
    for (const auto& [id, record] : records.sessions) {
      page.sessions.emplace_back(id, record.revision);
    }
    for (const auto& [key, record] : records.members) {
      page.members.emplace_back(key, record.revision);
    }
    later(name, [this, name, page](Node& node) {
      RecordNames missed = node.compare(page, true, true);
      Output out;
      out.wanted_members = std::move(missed.members);
      out.wanted_sessions = std::move(missed.sessions);
      look_up(name, out);
    });
  }
  ScannedSlots scan(const std::vector<SlotId>& slots) {
    ScannedSlots found;
    std::set<std::string> sessions;
    std::set<MemberKey> owners;
    const std::set<SlotId> wanted(slots.begin(), slots.end());
    for (const auto& [key, packet] : records.packets) {
      if (is_terminal(packet.status) || !wanted.contains(slot_of(packet.point))) continue;
      found.packets.push_back(packet);
      if (!packet.owner) continue;
      const auto member = records.members.find(MemberKey(key.ns(), packet.owner->id));
      if (member == records.members.end() || !owners.insert(member->first).second) continue;
      found.owners.push_back(member->second);
      const auto session = records.sessions.find(member->second.session);
      if (session != records.sessions.end() && sessions.insert(session->first).second) {
        found.sessions.push_back(session->second);
      }
    }
    return found;
  }

  Instant now_{1'000'000'000};
  Instant beat_at_;
  uint64_t lives_ = 100;
  uint64_t last_batch_ = 0;
  uint64_t last_session_ = 0;
  uint64_t last_id_ = 0;
  RequestId last_request_ = 0;
  std::optional<lineage::KeyPair> key_;
  std::map<std::string, std::unique_ptr<Host>> hosts_;
  std::map<HostLife, Instant> dead_;
  std::map<SlotId, std::string> slots_;
  std::set<SlotId> orphaned_;
  std::set<std::pair<std::string, std::string>> cut_;
  std::set<std::pair<std::string, std::string>> held_back_;
  std::map<std::pair<std::string, std::string>, std::vector<NodeMessage>> said_;
  std::deque<Letter> letters_;
  std::map<RequestId, ReplyBody> answers_;
  std::multimap<Instant, std::function<void()>> later_;
  std::map<HostLife, Instant> store_busy_;
  std::map<HostLife, Instant> answers_due_;
  std::map<std::pair<std::string, std::string>, Instant> link_due_;
  uint64_t links_ = 0;
  std::set<HostLife> fenced_;
};

}  // namespace phoenix::testing_node
