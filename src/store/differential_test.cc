// The same random batches into every engine: they must say the same and hold the same. What the
// conformance suite says by cases, this says by chance.
#include <gtest/gtest.h>

#include <map>

#include "base/prng.h"
#include "store/testing.h"
#include "store/testing_engines.h"

namespace phoenix {
namespace {

using namespace testing_store;  // NOLINT: the words of the tests

// Draws batches over a handful of rows, mostly with expectations that hold, so that groups of a
// batch change the same rows one after the other.
class Drawer {
 public:
  explicit Drawer(uint64_t seed) : chance_(seed) {}

  // Groups see what stands before them: each is drawn as if those before it were done.
  std::vector<Group> batch() {
    now_ = known_;
    std::vector<Group> groups(1 + chance_.below(6));
    for (Group& group : groups) {
      const Rows before = now_;
      bool wrong = false;
      for (uint64_t left = 1 + chance_.below(4); left > 0; --left) {
        const bool lie = chance_.below(12) == 0;
        group.ops.push_back(op(lie));
        wrong = wrong || lie;
      }
      if (wrong) now_ = before;
    }
    return groups;
  }
  void learn(const std::vector<Group>& groups, const std::vector<Outcome>& outcomes) {
    for (size_t i = 0; i < groups.size(); ++i) {
      if (outcomes[i] != Outcome::kCommitted) continue;
      for (const Op& op : groups[i].ops) {
        if (const auto* packet = std::get_if<PutPacket>(&op)) {
          known_.packets[std::string(packet->head->key.id())] = *packet->head;
        } else if (const auto* put = std::get_if<PutMember>(&op)) {
          known_.members[std::string(put->record->key.id())] = put->record->revision;
        } else if (const auto* drop = std::get_if<DropMember>(&op)) {
          known_.members[std::string(drop->key.id())] = 0;
        } else if (const auto* session = std::get_if<PutSession>(&op)) {
          known_.sessions[session->record->id] = session->record->revision;
        } else if (const auto* ended = std::get_if<DropSession>(&op)) {
          known_.sessions[ended->id] = 0;
        }
      }
    }
  }

 private:
  static Digest scope(uint64_t n) { return digest(static_cast<uint8_t>(n)); }

  Op op(bool lie) {
    switch (chance_.below(8)) {
      case 0:
        return member_op(lie);
      case 1:
        return session_op(lie);
      case 2:
        return PutAnswer{scope(chance_.below(4)), scope(chance_.below(200)), text(), 5000};
      default:
        return packet_op(lie);
    }
  }

  std::string text() {
    return std::string(chance_.below(40), static_cast<char>('a' + chance_.below(26)));
  }

  Op packet_op(bool lie) {
    const std::string id = "p" + std::to_string(chance_.below(12));
    const auto was = now_.packets.find(id);
    const Packet from =
        was == now_.packets.end() ? head(id, static_cast<WallMs>(chance_.below(5))) : was->second;
    Packet to = was == now_.packets.end() ? from : next(from);
    switch (chance_.below(5)) {
      case 0:
        to = ended(to, chance_.below(2) == 0 ? Status::kCompleted : Status::kFailed, 9000);
        break;
      case 1:
        to.status = Status::kPending;
        break;
      default:
        to = assigned(to, "m" + std::to_string(chance_.below(3)));
    }
    to.required = {"a" + std::to_string(chance_.below(2))};
    Op op = was == now_.packets.end() ? create(to) : replace(from, to, "changed " + text());
    auto& put = std::get<PutPacket>(op);
    if (was == now_.packets.end()) {
      auto first = std::make_shared<Packet>(to);
      first->revision = 1;
      put.head = first;
    }
    for (uint64_t i = chance_.below(3); i > 0; --i) {
      const auto kind = static_cast<ContentKind>(chance_.below(kContentKinds));
      put.contents.push_back(chance_.below(4) == 0 ? ContentWrite{kind, nullptr}
                                                   : json(kind, text()));
    }
    if (lie) {
      (chance_.below(2) == 0 ? put.expect_revision : put.expect_epoch) += 1 + chance_.below(2);
      if (put.expect_revision == 0) put.expect_revision = 7;
    }
    now_.packets[id] = *put.head;
    return op;
  }

  Op member_op(bool lie) {
    const std::string id = "m" + std::to_string(chance_.below(4));
    const uint64_t expected = now_.members[id] + (lie ? 1 : 0);
    if (expected > 0 && chance_.below(4) == 0) {
      now_.members[id] = 0;
      return DropMember{MemberKey("ns", id), expected, chance_.below(30)};
    }
    now_.members[id] = expected + 1;
    return PutMember{member(id, expected + 1), expected, chance_.below(3) == 0 ? "" : "changed"};
  }

  Op session_op(bool lie) {
    const std::string id = "s" + std::to_string(chance_.below(3));
    const uint64_t expected = now_.sessions[id] + (lie ? 1 : 0);
    if (expected > 0 && chance_.below(4) == 0) {
      now_.sessions[id] = 0;
      return DropSession{id, expected};
    }
    now_.sessions[id] = expected + 1;
    return PutSession{session(id, expected + 1), expected};
  }

  struct Rows {
    std::map<std::string, Packet> packets;
    std::map<std::string, uint64_t> members;  // revisions; 0: none
    std::map<std::string, uint64_t> sessions;
  };
  Prng chance_;
  Rows known_;  // what stands
  Rows now_;    // and with what the batch does so far
};

std::string line(const EventRow& row) {
  const HistoryEntry& it = row.entry;
  return std::to_string(row.seq) + " " + row.key + " " + std::to_string(it.epoch) + " " +
         std::to_string(it.revision) + " " + it.event + " " + it.owner;
}

// All that a reader and a restart can see, as text.
std::string everything(Store& store) {
  std::string out;
  const auto reader = std::move(*store.reader());
  for (int i = 0; i < 12; ++i) {
    const PacketKey key("ns", "p" + std::to_string(i));
    const auto lookup = reader->get(key).value();
    if (lookup.head) {
      out += key.text() + " " + std::string(status_name(lookup.head->status)) + " " +
             std::to_string(lookup.head->epoch) + " " + std::to_string(lookup.head->revision);
    }
    for (int kind = 0; kind < kContentKinds; ++kind) {
      const auto content = reader->content(key, static_cast<ContentKind>(kind)).value();
      out += content ? " [" + content->data + "]" : " -";
    }
    out += "\n";
    const auto history = reader->history(key).value();
    for (const EventRow& row : history) out += "  " + line(row) + "\n";
  }
  const auto events = reader->events({}, 100'000, nullptr).value();
  for (const EventRow& row : events) out += line(row) + "\n";
  const EventCursor newest = reader->newest_event().value();
  out += newest.text() + "\n";
  for (const bool up : {true, false}) {
    for (const char* capability : {"a0", "a1"}) {
      const PacketFilter filter = {.statuses = {Status::kAssigned, Status::kFailed},
                                   .requires_capabilities = {capability}};
      // Whether a full page says that there is more is an engine's own affair; the walk is not.
      std::optional<ListPosition> after;
      do {
        const auto page = reader->list(filter, up, after, 3).value();
        for (const Packet& packet : page.items) out += packet.key.text() + " ";
        EXPECT_EQ(page.as_of, newest);
        after = page.next;
      } while (after);
      out += "\n";
    }
  }
  for (uint8_t i = 0; i < 4; ++i) {
    const auto answer = reader->answer(digest(i)).value();
    out += answer ? std::to_string(answer->request[0]) + answer->answer + "\n" : "none\n";
  }
  RecoverSink sink;
  std::vector<std::string> live;
  sink.packet = [&](const Packet& packet) { live.push_back(packet.key.text()); };
  sink.member = [&](const MemberRecord& it) {
    out += it.key.text() + std::to_string(it.revision) + "\n";
  };
  sink.session = [&](const SessionRecord& it) {
    out += it.id + std::to_string(it.revision) + "\n";
  };
  sink.ended = [&](const EndedCounts& counts) {
    for (const uint64_t count : counts) out += std::to_string(count) + " ";
  };
  sink.incarnation_floor = [&](uint64_t floor) { out += std::to_string(floor) + "\n"; };
  EXPECT_TRUE(store.recover(sink));
  std::sort(live.begin(), live.end());
  for (const std::string& key : live) out += key + " ";
  return out;
}

TEST(StoreDifferential, engines_agree_on_random_batches) {
  const auto all = engines();
  int committed = 0;
  int conflicts = 0;
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const TempFolder folder;
    std::vector<std::pair<std::string, std::unique_ptr<Store>>> stores;
    for (const Engine& engine : all) {
      if (engine.name == std::string("postgres") && !testing_postgres::TestCluster::available()) {
        continue;
      }
      stores.emplace_back(engine.name, engine.open(folder.path()));
      ASSERT_NE(stores.back().second, nullptr);
    }
    Drawer drawer(seed);
    for (uint64_t batch = 1; batch <= 50; ++batch) {
      const std::vector<Group> groups = drawer.batch();
      std::vector<Outcome> first;
      for (auto& [name, store] : stores) {
        const CommitResult result = store->commit(batch, groups);
        if (first.empty()) first = result.outcomes;
        ASSERT_EQ(result.outcomes, first) << name << " seed " << seed << " batch " << batch;
      }
      drawer.learn(groups, first);
      for (const Outcome outcome : first) {
        committed += outcome == Outcome::kCommitted ? 1 : 0;
        conflicts += outcome == Outcome::kConflict ? 1 : 0;
      }
    }
    const std::string expected = everything(*stores[0].second);
    for (auto& [name, store] : stores) ASSERT_EQ(everything(*store), expected) << name;
  }
  EXPECT_GT(committed, 400);
  EXPECT_GT(conflicts, 100);
}

}  // namespace
}  // namespace phoenix
