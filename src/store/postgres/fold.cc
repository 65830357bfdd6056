#include "store/postgres/fold.h"

#include <algorithm>
#include <utility>

#include "store/rows.h"

namespace phoenix::postgres {
namespace {

// Takes back what a group did, newest first, when a later expectation of it does not hold.
template <class Key, class Value>
class Undo {
 public:
  // Before `it` is changed; fresh: it was not there.
  void note(typename std::map<Key, Value>::iterator it, bool fresh) {
    if (fresh) {
      added_.push_back(it);
    } else {
      changed_.emplace_back(it, it->second);
    }
  }
  void forget() {
    added_.clear();
    changed_.clear();
  }
  void run(std::map<Key, Value>& map) {
    for (auto it = changed_.rbegin(); it != changed_.rend(); ++it) it->first->second = it->second;
    for (const auto it : added_) map.erase(it);
    forget();
  }

 private:
  std::vector<typename std::map<Key, Value>::iterator> added_;
  std::vector<std::pair<typename std::map<Key, Value>::iterator, Value>> changed_;
};

class Folder {
 public:
  Folder(const KnownRows& known, Folded& out) : known_(known), out_(out) {}

  bool whole(const Group& group) {
    const size_t events = out_.events.size();
    const uint64_t floor = out_.incarnation_floor;
    for (const Op& op : group.ops) {
      if (std::visit([this](const auto& it) { return put(it); }, op)) continue;
      out_.events.resize(events);
      out_.incarnation_floor = floor;
      packets_.run(out_.packets);
      members_.run(out_.members);
      sessions_.run(out_.sessions);
      documents_.run(out_.documents);
      answers_.run(out_.answers);
      return false;
    }
    packets_.forget();
    members_.forget();
    sessions_.forget();
    documents_.forget();
    answers_.forget();
    return true;
  }

 private:
  bool put(const PutPacket& op) {
    const auto [it, fresh] = out_.packets.try_emplace(op.head->key.text());
    packets_.note(it, fresh);
    PacketChange& change = it->second;
    if (fresh) change.now = change.before = packet_before(op);
    const PacketRow& is = change.now;
    const bool expected = op.expect_revision == 0
                              ? !is.exists
                              : is.exists && !is.gone && is.epoch == op.expect_epoch &&
                                    is.revision == op.expect_revision;
    if (!expected) return false;
    change.now = {true, false, op.head->epoch, op.head->revision};
    change.last = &op;
    for (const ContentWrite& write : op.contents) {
      change.contents[static_cast<size_t>(write.kind)] = &write;
    }
    out_.events.push_back({op.head->key.text(), false, &op.entry});
    return true;
  }

  PacketRow packet_before(const PutPacket& op) const {
    const auto found = known_.packets.find(op.head->key.text());
    if (found != known_.packets.end()) return found->second;
    if (op.expect_revision == 0) return {};
    return {true, false, op.expect_epoch, op.expect_revision};
  }

  // `next`: null drops the record.
  template <class Key, class Record>
  bool put_record(std::map<Key, RecordChange<Record>>& map, Undo<Key, RecordChange<Record>>& undo,
                  const std::unordered_map<std::string, uint64_t>& known, const std::string& key,
                  uint64_t expected, const Record* next) {
    const auto [it, fresh] = map.try_emplace(key);
    undo.note(it, fresh);
    RecordChange<Record>& change = it->second;
    if (fresh) {
      const auto found = known.find(key);
      change.now = change.before = found != known.end() ? found->second : expected;
    }
    // Dropping what is not there is refused too.
    if (change.now != expected || (next == nullptr && expected == 0)) return false;
    change.now = next != nullptr ? next->revision : 0;
    change.last = next;
    return true;
  }

  bool put(const PutMember& op) {
    const std::string& key = op.record->key.text();
    if (!put_record(out_.members, members_, known_.members, key, op.expect_revision,
                    op.record.get())) {
      return false;
    }
    if (op.event.empty()) return true;
    out_.of_members.push_back(member_entry(op));
    out_.events.push_back({key, true, &out_.of_members.back()});
    return true;
  }
  bool put(const DropMember& op) {
    if (!put_record<std::string_view, MemberRecord>(out_.members, members_, known_.members,
                                                    op.key.text(), op.expect_revision, nullptr)) {
      return false;
    }
    out_.incarnation_floor = std::max(out_.incarnation_floor, op.incarnation);
    return true;
  }
  bool put(const PutSession& op) {
    return put_record(out_.sessions, sessions_, known_.sessions, op.record->id, op.expect_revision,
                      op.record.get());
  }
  bool put(const DropSession& op) {
    return put_record<std::string_view, SessionRecord>(out_.sessions, sessions_, known_.sessions,
                                                       op.id, op.expect_revision, nullptr);
  }
  bool put(const PutAnswer& op) {
    if (known_.answers.contains(op.scope)) return false;
    const auto [it, fresh] = out_.answers.try_emplace(op.scope, &op);
    if (fresh) answers_.note(it, true);
    return fresh;
  }

  bool put(const PutDocument& op) {
    const std::string key = op.document->key.text();
    if (!put_record(out_.documents, documents_, known_.documents, key, op.expect_revision,
                    op.document.get())) {
      return false;
    }
    out_.of_members.push_back(document_entry(op));
    out_.events.push_back({out_.documents.find(key)->first, true, &out_.of_members.back()});
    return true;
  }
  // A packet that has gone meanwhile leaves a line of nobody's, which the sweep takes away by its
  // age as those of members.
  bool put(const PutNote& op) {
    out_.events.push_back({op.key, !op.is_packet, &op.entry});
    return true;
  }

  const KnownRows& known_;
  Folded& out_;
  Undo<std::string_view, PacketChange> packets_;
  Undo<std::string_view, RecordChange<MemberRecord>> members_;
  Undo<std::string_view, RecordChange<SessionRecord>> sessions_;
  Undo<std::string, RecordChange<Document>> documents_;
  Undo<Digest, const PutAnswer*> answers_;
};

}  // namespace

Folded fold(std::span<const Group> groups, const KnownRows& known) {
  Folded out;
  out.outcomes.reserve(groups.size());
  Folder folder(known, out);
  for (const Group& group : groups) {
    out.outcomes.push_back(folder.whole(group) ? Outcome::kCommitted : Outcome::kConflict);
  }
  return out;
}

}  // namespace phoenix::postgres
