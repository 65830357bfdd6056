// For tests of the node: a store of maps, in place of a real one, which no folder above the line
// knows. It checks every expectation of what it is given, as a store does.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "store/store.h"

namespace phoenix::testing_node {

class Records {
 public:
  Outcome apply(const Group& group) {
    for (const Op& op : group.ops) {
      if (!holds(op)) {
        refused = describe(op);
        return Outcome::kConflict;
      }
    }
    for (const Op& op : group.ops) put(op);
    return Outcome::kCommitted;
  }

  std::string refused;  // the last expectation that did not hold
  std::map<PacketKey, Packet> packets;
  std::map<PacketKey, Tombstone> tombstones;
  std::map<std::pair<PacketKey, ContentKind>, Content> contents;
  std::map<MemberKey, MemberRecord> members;
  std::map<std::string, SessionRecord> sessions;
  std::map<Digest, PutAnswer> answers;
  std::map<DocumentKey, Document> documents;
  std::vector<HistoryEntry> history;
  std::vector<std::string> log;  // entries, as they were committed
  uint64_t incarnation_floor = 0;

  std::optional<Content> payload(const PacketKey& key) const {
    const auto it = contents.find({key, ContentKind::kPayload});
    return it == contents.end() ? std::nullopt : std::optional(it->second);
  }

 private:
  template <class Map, class Key>
  static uint64_t revision(const Map& map, const Key& key) {
    const auto it = map.find(key);
    return it == map.end() ? 0 : it->second.revision;
  }
  static std::string describe(const Op& op) {
    if (const auto* put = std::get_if<PutPacket>(&op)) {
      return "packet " + put->head->key.text() + " " + put->entry.event + ", expected revision " +
             std::to_string(put->expect_revision);
    }
    if (const auto* put = std::get_if<PutMember>(&op)) {
      return "member " + put->record->key.text() + " " + put->event + ", expected revision " +
             std::to_string(put->expect_revision);
    }
    if (const auto* put = std::get_if<PutSession>(&op)) {
      return "session " + put->record->id + ", expected revision " +
             std::to_string(put->expect_revision);
    }
    return "forgetting a member or a session";
  }
  bool holds(const Op& op) const {
    if (const auto* put = std::get_if<PutPacket>(&op)) {
      const auto it = packets.find(put->head->key);
      if (put->expect_revision == 0) {
        return it == packets.end() && !tombstones.contains(put->head->key);
      }
      return it != packets.end() && it->second.revision == put->expect_revision &&
             it->second.epoch == put->expect_epoch;
    }
    if (const auto* put = std::get_if<PutMember>(&op)) {
      return revision(members, put->record->key) == put->expect_revision;
    }
    if (const auto* put = std::get_if<PutSession>(&op)) {
      return revision(sessions, put->record->id) == put->expect_revision;
    }
    if (const auto* drop = std::get_if<DropMember>(&op)) {
      return revision(members, drop->key) == drop->expect_revision;
    }
    if (const auto* drop = std::get_if<DropSession>(&op)) {
      return revision(sessions, drop->id) == drop->expect_revision;
    }
    if (const auto* put = std::get_if<PutDocument>(&op)) {
      return revision(documents, put->document->key) == put->expect_revision;
    }
    return true;
  }
  void put(const Op& op) {
    if (const auto* packet = std::get_if<PutPacket>(&op)) {
      packets[packet->head->key] = *packet->head;
      for (const ContentWrite& write : packet->contents) {
        if (write.content) contents[{packet->head->key, write.kind}] = *write.content;
      }
      history.push_back(packet->entry);
      log.push_back(packet->entry.recorded);
    } else if (const auto* member = std::get_if<PutMember>(&op)) {
      members[member->record->key] = *member->record;
      log.push_back(member->recorded);
    } else if (const auto* session = std::get_if<PutSession>(&op)) {
      sessions[session->record->id] = *session->record;
    } else if (const auto* gone = std::get_if<DropMember>(&op)) {
      members.erase(gone->key);
      incarnation_floor = std::max(incarnation_floor, gone->incarnation);
    } else if (const auto* over = std::get_if<DropSession>(&op)) {
      sessions.erase(over->id);
    } else if (const auto* answer = std::get_if<PutAnswer>(&op)) {
      answers[answer->scope] = *answer;
    } else if (const auto* document = std::get_if<PutDocument>(&op)) {
      documents[document->document->key] = *document->document;
      log.push_back(document->recorded);
    } else if (const auto* note = std::get_if<PutNote>(&op)) {
      history.push_back(note->entry);
      log.push_back(note->entry.recorded);
    }
  }
};

}  // namespace phoenix::testing_node
