#include "directory/directory.h"

#include <algorithm>

namespace phoenix {

Instant Session::expires() const {
  const Instant by_lease = heard_at + lease();
  if (!record->grace_ms || !broken_at || streams > 0) return by_lease;
  const Duration grace = milliseconds(*record->grace_ms);
  return std::max(*broken_at, heard_at) + grace * 2;
}

MemberNo Directory::add_member(std::shared_ptr<const MemberRecord> record) {
  MemberNo no = static_cast<MemberNo>(members_.size());
  if (free_members_.empty()) {
    members_.emplace_back();
  } else {
    no = free_members_.back();
    free_members_.pop_back();
  }
  by_key_.add(record->key.text(), no);
  members_[no] = std::make_unique<Member>();
  members_[no]->record = std::move(record);
  return no;
}

void Directory::drop_member(MemberNo no) {
  by_key_.remove(members_[no]->record->key.text(), no);
  members_[no].reset();
  free_members_.push_back(no);
}

SessionNo Directory::add_session(std::shared_ptr<const SessionRecord> record) {
  SessionNo no = static_cast<SessionNo>(sessions_.size());
  if (free_sessions_.empty()) {
    sessions_.emplace_back();
  } else {
    no = free_sessions_.back();
    free_sessions_.pop_back();
  }
  by_session_.add(record->id, no);
  sessions_[no] = std::make_unique<Session>();
  sessions_[no]->record = std::move(record);
  return no;
}

void Directory::drop_session(SessionNo no) {
  by_session_.remove(sessions_[no]->record->id, no);
  sessions_[no].reset();
  free_sessions_.push_back(no);
}

bool Directory::lists(SessionNo session, MemberNo member) const {
  const auto& listed = sessions_[session]->record->members;
  const Member& wanted = *members_[member];
  return wanted.session == session && wanted.listed_at < listed.size() &&
         listed[wanted.listed_at].first == wanted.record->key.id();
}

MemberNo Directory::find_member(const MemberKey& key) const {
  return by_key_.find(key.text(), [this](uint32_t no) -> std::string_view {
    return members_[no]->record->key.text();
  });
}

SessionNo Directory::find_session(const std::string& id) const {
  return by_session_.find(
      id, [this](uint32_t no) -> std::string_view { return sessions_[no]->record->id; });
}

std::vector<MemberNo> Directory::members_in_order() const {
  std::vector<MemberNo> all;
  all.reserve(by_key_.size());
  for (MemberNo no = 0; no < members_.size(); ++no) {
    if (members_[no]) all.push_back(no);
  }
  std::sort(all.begin(), all.end(), [this](MemberNo a, MemberNo b) {
    return members_[a]->record->key < members_[b]->record->key;
  });
  return all;
}

std::vector<SessionNo> Directory::sessions() const {
  std::vector<SessionNo> all;
  all.reserve(by_session_.size());
  for (SessionNo no = 0; no < sessions_.size(); ++no) {
    if (sessions_[no]) all.push_back(no);
  }
  return all;
}

}  // namespace phoenix
