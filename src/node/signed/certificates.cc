#include "node/signed/certificates.h"

#include <algorithm>
#include <utility>

#include "base/planted.h"
#include "lineage/crypto/sha256.h"
#include "node/governed/notes.h"
#include "node/signed/certifying.h"

namespace phoenix {
namespace {

using Phase = Leaver::Phase;

constexpr const char* kCertified = "certified";  // the event
constexpr size_t kLookAtOnce = 1'000;            // members in one question to the store
constexpr size_t kSignAtOnce = 256;
constexpr Duration kLookAgain = milliseconds(200);
constexpr Duration kTryAgain = milliseconds(500);

bool is_of(const Packet& head, const MemberKey& key, uint64_t incarnation) {
  return head.owner && head.owner->incarnation == incarnation && head.owner->id == key.id() &&
         head.key.ns() == key.ns();
}

}  // namespace

// --- who has left ---------------------------------------------------------------------------

Leaver& Node::Impl::Certifying::add() {
  Leaver& leaver = all_.leavers.emplace_back();
  leaver.id = ++all_.last_id;
  return leaver;
}

void Node::Impl::Certifying::noted(const MemberRecord& record) {
  if (!record.uncertified) {
    all_.owed.erase(record.key);
  } else if (signs() && all_.owed.insert(record.key).second) {
    all_.news.push_back(record.key);
  }
}

void Node::Impl::Certifying::take_up() {
  if (!node_.is_ready) return;
  if (all_.full && all_.leavers.size() < Certificates::kMost) {
    all_.full = false;
    all_.look_at_all = true;
  }
  std::vector<MemberKey> keys = std::exchange(all_.news, {});
  if (std::exchange(all_.look_at_all, false)) keys.assign(all_.owed.begin(), all_.owed.end());
  for (const MemberKey& key : keys) {
    all_.full = !take_up(key);
    if (all_.full) return;
  }
}

// False: it has to wait for room.
bool Node::Impl::Certifying::take_up(const MemberKey& key) {
  const MemberNo no = node_.directory.find_member(key);
  if (no == kNobody || !node_.directory.member(no).record->uncertified) {
    all_.owed.erase(key);
    return true;
  }
  const MemberRecord& record = *node_.directory.member(no).record;
  const bool known =
      std::any_of(all_.leavers.begin(), all_.leavers.end(), [&record](const Leaver& leaver) {
        return leaver.key == record.key && leaver.incarnation == record.incarnation;
      });
  if (known || !is_ours(record)) return true;
  if (all_.leavers.size() >= Certificates::kMost) return false;
  Leaver& leaver = add();
  leaver.key = key;
  leaver.incarnation = record.incarnation;
  for (const HostLife& host : *node_.remote.view) {
    if (host != node_.config.self) ask(host, leaver);
  }
  return true;
}

bool Node::Impl::Certifying::is_ours(const MemberRecord& record) const {
  if (!node_.remote.on) return true;
  const SessionNo session =
      record.session.empty() ? kNobody : node_.directory.find_session(record.session);
  if (session != kNobody) {
    const HostLife& home = node_.directory.session(session).record->home;
    if (home == node_.config.self || node_.in_view(home)) return home == node_.config.self;
  }
  // Who leaves is about to be no more.
  return all_.works && node_.remote.mine && node_.remote.mine(record.key.text());
}

// By another host, meanwhile.
bool Node::Impl::Certifying::is_certified(const Leaver& leaver) const {
  const MemberNo no = leaver.is_host ? kNobody : node_.directory.find_member(leaver.key);
  if (no == kNobody) return false;
  const MemberRecord& record = *node_.directory.member(no).record;
  return record.incarnation == leaver.incarnation && !record.uncertified;
}

void Node::Impl::Certifying::host_left() {
  if (!std::exchange(all_.works, false) || !signs()) return;
  add().is_host = true;
}

// --- what others say ------------------------------------------------------------------------

// The record goes with it: who had not heard of the end would otherwise answer from an older one.
void Node::Impl::Certifying::ask(const HostLife& host, Leaver& leaver) {
  const MemberNo no = node_.directory.find_member(leaver.key);
  if (no == kNobody) return;
  leaver.asked.insert(host);
  Records records;
  records.members.push_back(node_.directory.member(no).record);
  node_.tell(host, std::move(records));
  node_.tell(host, Parted{leaver.key, leaver.incarnation, false});
}

// What was asked by the former link may be lost with it.
void Node::Impl::Certifying::link_up(const HostLife& peer) {
  for (Leaver& leaver : all_.leavers) {
    const bool waits = !leaver.is_host && leaver.phase == Phase::kAsks;
    if (waits && !leaver.said.contains(peer)) ask(peer, leaver);
  }
}

void Node::Impl::Certifying::received(const HostLife& from, const Parted& message) {
  if (!message.done) {
    AskedParting asked{from, message.key, message.incarnation};
    const bool known = std::find(all_.asked.begin(), all_.asked.end(), asked) != all_.asked.end();
    if (!known && all_.asked.size() < Certificates::kMost) all_.asked.push_back(std::move(asked));
    return;
  }
  for (Leaver& leaver : all_.leavers) {
    if (leaver.key == message.key && leaver.incarnation == message.incarnation) {
      leaver.said.insert(from);
    }
  }
}

void Node::Impl::Certifying::beat(Instant sent, std::span<const HostLife> lives) {
  all_.lives.assign(lives.begin(), lives.end());
  all_.lives_at = sent;
}

// Is nothing of that life left here, and can nothing more come to it?
bool Node::Impl::Certifying::has_parted(const MemberKey& key, uint64_t incarnation) const {
  const MemberNo no = node_.directory.find_member(key);
  if (no == kNobody) return false;
  const Member& member = node_.directory.member(no);
  if (member.record->incarnation < incarnation || node_.may_hold(no, incarnation)) return false;
  const auto holds = [&](SlotNo slot) {
    return node_.packets[slot].used && is_of(*node_.packets[slot].head, key, incarnation);
  };
  if (std::any_of(member.work->held.begin(), member.work->held.end(), holds)) return false;
  if (std::any_of(node_.again.begin(), node_.again.end(), holds)) return false;
  for (const auto& [slot, life] : node_.remote.orphans) {
    if (holds(slot)) return false;
  }
  for (const auto& [id, write] : node_.writes) {
    for (const PacketStep& step : write.packets) {
      if (is_of(*step.next, key, incarnation) || holds(step.slot)) return false;
    }
  }
  return true;
}

bool Node::Impl::Certifying::all_that_live_have_said(Leaver& leaver) {
  if (all_.lives.empty()) return false;  // the store has not told yet
  bool all = true;
  for (const HostLife& host : all_.lives) {
    if (host == node_.config.self || leaver.said.contains(host)) continue;
    if (!leaver.asked.contains(host)) ask(host, leaver);
    all = false;
  }
  return all;
}

// --- one step after the other ---------------------------------------------------------------

void Node::Impl::Certifying::agree(Leaver& leaver) {
  if (leaver.is_host) {
    const bool at_work = std::any_of(node_.writes.begin(), node_.writes.end(),
                                     [](const auto& one) { return !one.second.packets.empty(); });
    if (!at_work) leaver.phase = Phase::kReads;
    return;
  }
  if (!has_parted(leaver.key, leaver.incarnation)) return;
  if (!node_.remote.on) {
    leaver.phase = Phase::kReads;
    return;
  }
  if (!all_that_live_have_said(leaver)) {
    leaver.agreed = kNever;
    return;
  }
  leaver.agreed = std::min(leaver.agreed, node_.now.mono);
  if (all_.lives_at <= leaver.agreed) return;
  leaver.phase = planted(PlantedBug::kStoreNotLookedAt) ? Phase::kReads : Phase::kLooks;
}

void Node::Impl::Certifying::go_on() {
  if (all_.empty()) return;
  take_up();
  std::erase_if(all_.asked, [this](const AskedParting& asked) {
    if (!has_parted(asked.key, asked.incarnation)) return false;
    node_.tell(asked.by, Parted{asked.key, asked.incarnation, true});
    return true;
  });
  // Who is forgotten by now is named by nobody any more.
  std::erase_if(all_.leavers, [this](const Leaver& leaver) {
    if (leaver.phase != Phase::kWriting && is_certified(leaver)) return true;
    return !leaver.is_host && leaver.phase == Phase::kAsks &&
           node_.directory.find_member(leaver.key) == kNobody;
  });
  for (Leaver& leaver : all_.leavers) {
    if (leaver.phase == Phase::kAsks) agree(leaver);
  }
  if (node_.now.mono < all_.again_at) return;
  look();
  read();
  for (Leaver& leaver : all_.leavers) {
    if (leaver.phase == Phase::kWrites) write(leaver);
  }
}

void Node::Impl::Certifying::look() {
  if (all_.look != 0) return;
  HeldQuery query;
  for (Leaver& leaver : all_.leavers) {
    if (leaver.phase != Phase::kLooks || query.members.size() >= kLookAtOnce) continue;
    if (query.id == 0) query.id = ++node_.remote.next_query;
    leaver.query = query.id;
    query.members.push_back(leaver.key);
  }
  if (query.id == 0) return;
  all_.look = query.id;
  node_.out.wanted_held.push_back(std::move(query));
}

bool Node::Impl::Certifying::held(uint64_t query, const Result<std::vector<Packet>>& found) {
  if (query != all_.look || query == 0) return false;
  all_.look = 0;
  bool all = true;
  for (Leaver& leaver : all_.leavers) {
    if (leaver.phase != Phase::kLooks || std::exchange(leaver.query, 0) != query) continue;
    const bool none =
        found && std::none_of(found->begin(), found->end(), [&leaver](const Packet& head) {
          return is_of(head, leaver.key, leaver.incarnation);
        });
    if (none) leaver.phase = Phase::kReads;
    all = all && none;
  }
  if (!all) later(kLookAgain);
  return true;
}

void Node::Impl::Certifying::read() {
  if (all_.read != 0) return;
  size_t count = 0;
  const uint64_t query = all_.last_id + 1;
  for (Leaver& leaver : all_.leavers) {
    if (leaver.phase != Phase::kReads || count >= kSignAtOnce) continue;
    leaver.query = query;
    ++count;
  }
  if (count == 0) return;
  all_.last_id = all_.read = query;
  node_.out.wanted_heads.push_back(query);
}

void Node::Impl::Certifying::heads(uint64_t query, const Result<LogHeads>& heads) {
  if (query != all_.read || query == 0) return;
  all_.read = 0;
  if (!heads) later(kTryAgain);
  std::erase_if(all_.leavers, [&](Leaver& leaver) {
    if (leaver.phase != Phase::kReads || std::exchange(leaver.query, 0) != query) return false;
    // Nobody waits for a host that cannot tell.
    return heads ? !sign(leaver, *heads) : leaver.is_host;
  });
}

// False: there is nothing to be certified.
bool Node::Impl::Certifying::sign(Leaver& leaver, const LogHeads& heads) const {
  lineage::DrainCertificate said;
  said.pool = node_.config.pool;
  said.at = node_.now.wall;
  said.heads = heads.logs;
  if (!leaver.is_host) {
    said.ns = leaver.key.ns();
    said.id = leaver.key.id();
    said.incarnation = leaver.incarnation;
  } else {
    if (!heads.own) return false;  // this life has written nothing
    said.id = node_.config.signer->name;
    said.incarnation = *heads.own;
  }
  leaver.envelope = lineage::sign(node_.config.signer->pair, said);
  leaver.phase = Phase::kWrites;
  return true;
}

void Node::Impl::Certifying::write(Leaver& leaver) {
  const MemberNo no = leaver.is_host ? kNobody : node_.directory.find_member(leaver.key);
  const bool owes =
      no != kNobody && node_.directory.member(no).record->incarnation == leaver.incarnation;
  if (owes && node_.directory.member(no).busy) return;  // looked at again when that is settled
  Write write = node_.new_write();
  write.certifies = leaver.id;
  if (owes) {
    MemberRecord next = *node_.directory.member(no).record;
    next.uncertified = false;
    node_.put_member(write, no, std::move(next), kCertified);
  }
  put_entry(write, leaver);
  leaver.phase = Phase::kWriting;
  node_.submit_write(std::move(write));
}

// That of the member's record; or, where that is another life's by now, one beside it.
void Node::Impl::Certifying::put_entry(Write& write, const Leaver& leaver) {
  const std::string host = node_.config.signer->name;
  lineage::Entry entry;
  entry.kind = leaver.is_host ? lineage::EntryKind::kHost : lineage::EntryKind::kMember;
  entry.at = node_.now.wall;
  entry.actor = node_.self_actor;
  entry.ns = leaver.key.ns();
  entry.subject = leaver.is_host ? host : std::string(leaver.key.id());
  entry.event = kCertified;
  entry.epoch = leaver.incarnation;
  entry.certificate = leaver.envelope;
  if (write.ops.empty()) {
    write.ops.emplace_back(
        note_row(false, leaver.is_host ? "host//" + host : leaver.key.text(), {}, entry));
    return;
  }
  auto& put = std::get<PutMember>(write.ops.back());
  entry.revision = put.record->revision;
  entry.inputs = lineage::sha256(encode_member(*put.record));
  put.recorded = lineage::encode(entry);
}

void Node::Impl::Certifying::written(uint64_t id, bool committed) {
  const auto leaver = std::find_if(all_.leavers.begin(), all_.leavers.end(),
                                   [id](const Leaver& one) { return one.id == id; });
  if (leaver == all_.leavers.end()) return;
  if (committed) {
    all_.leavers.erase(leaver);
    return;
  }
  leaver->phase = Phase::kWrites;
  later(kTryAgain);
}

}  // namespace phoenix
