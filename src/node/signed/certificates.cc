// That a member that was drained owns nothing, signed. Its last home asks every keeper of the view;
// each answers once nothing of that life is left here and nothing is on its way to it. The length
// of every log is read after the last answer, so whatever was assigned to it stands before that.

#include "node/signed/certificates.h"

#include <algorithm>

#include "node/parts/impl.h"

namespace phoenix {

// Requires: the member was drained, durably.
void Node::Impl::certify(MemberNo no) {
  if (!config.certifies || !config.signer || certificates.leavers.size() >= Certificates::kMost)
    return;
  const auto& record = directory.member(no).record;
  Leaver leaver;
  leaver.key = record->key;
  leaver.incarnation = record->incarnation;
  for (const HostLife& host : remote.view) {
    if (host != config.self) leaver.open.insert(host);
  }
  for (const HostLife& host : leaver.open) ask_to_part(host, leaver);
  certificates.leavers.push_back(std::move(leaver));
}

// The record goes with it: who had not heard of the end would otherwise answer from an older one.
void Node::Impl::ask_to_part(const HostLife& host, const Leaver& leaver) {
  const MemberNo no = directory.find_member(leaver.key);
  if (no == kNobody) return;
  Records records;
  records.members.push_back(directory.member(no).record);
  tell(host, std::move(records));
  tell(host, Parted{leaver.key, leaver.incarnation, false});
}

void Node::Impl::parted(const HostLife& from, const Parted& message) {
  if (!message.done) {
    if (certificates.asked.size() < Certificates::kMost) {
      certificates.asked.push_back({from, message.key, message.incarnation});
    }
    return;
  }
  for (Leaver& leaver : certificates.leavers) {
    if (leaver.key == message.key && leaver.incarnation == message.incarnation) {
      leaver.open.erase(from);
    }
  }
}

// Is nothing of that life left here, and can nothing more come to it?
bool Node::Impl::has_parted(const MemberKey& key, uint64_t incarnation) const {
  const MemberNo no = directory.find_member(key);
  if (no == kNobody) return false;
  const Member& member = directory.member(no);
  if (member.record->incarnation < incarnation || may_hold(no, incarnation)) return false;
  const auto its = [&](const Packet& head) {
    return head.owner && head.owner->incarnation == incarnation && head.owner->id == key.id() &&
           head.key.ns() == key.ns();
  };
  const auto holds = [&](SlotNo slot) { return packets[slot].used && its(*packets[slot].head); };
  if (std::any_of(member.held.begin(), member.held.end(), holds)) return false;
  if (std::any_of(again.begin(), again.end(), holds)) return false;
  for (const auto& [slot, life] : remote.orphans) {
    if (holds(slot)) return false;
  }
  for (const auto& [id, write] : writes) {
    for (const PacketStep& step : write.packets) {
      if (its(*step.next) || holds(step.slot)) return false;
    }
  }
  return true;
}

// What follows from all that has happened: level-triggered, like all of settle().
void Node::Impl::certify_on() {
  if (certificates.empty()) return;
  std::erase_if(certificates.asked, [this](const AskedParting& asked) {
    if (!has_parted(asked.key, asked.incarnation)) return false;
    tell(asked.by, Parted{asked.key, asked.incarnation, true});
    return true;
  });
  std::erase_if(certificates.leavers, [this](Leaver& leaver) {
    if (!leaver.envelope.empty()) return write_certificate(leaver);
    std::erase_if(leaver.open, [this](const HostLife& host) { return !in_view(host); });
    if (leaver.query == 0 && leaver.open.empty() && has_parted(leaver.key, leaver.incarnation)) {
      leaver.query = ++certificates.next_query;
      out.wanted_heads.push_back(leaver.query);
    }
    return false;
  });
}

void Node::Impl::heads(uint64_t id, Result<std::vector<lineage::LogHead>> heads) {
  const auto leaver = std::find_if(certificates.leavers.begin(), certificates.leavers.end(),
                                   [id](const Leaver& one) { return one.query == id; });
  if (leaver == certificates.leavers.end()) return;
  if (!heads) {
    certificates.leavers.erase(leaver);
    return;
  }
  const lineage::DrainCertificate said{config.pool,
                                       std::string(leaver->key.ns()),
                                       std::string(leaver->key.id()),
                                       leaver->incarnation,
                                       now.wall,
                                       *std::move(heads)};
  leaver->envelope = lineage::sign(config.signer->pair, said);
}

// True: it is on its way, or has nowhere to stand any more.
bool Node::Impl::write_certificate(const Leaver& leaver) {
  const MemberNo no = directory.find_member(leaver.key);
  if (no == kNobody) return true;
  if (directory.member(no).busy) return false;
  Write write = new_write();
  put_member(write, no, *directory.member(no).record, kCertified, leaver.envelope);
  submit_write(std::move(write));
  return true;
}

}  // namespace phoenix
