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
  by_key_[record->key] = no;
  members_[no] = std::make_unique<Member>();
  members_[no]->record = std::move(record);
  return no;
}

void Directory::drop_member(MemberNo no) {
  by_key_.erase(members_[no]->record->key);
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
  by_session_[record->id] = no;
  sessions_[no] = std::make_unique<Session>();
  sessions_[no]->record = std::move(record);
  return no;
}

void Directory::drop_session(SessionNo no) {
  by_session_.erase(sessions_[no]->record->id);
  sessions_[no].reset();
  free_sessions_.push_back(no);
}

MemberNo Directory::find_member(const MemberKey& key) const {
  const auto it = by_key_.find(key);
  return it == by_key_.end() ? kNobody : it->second;
}

SessionNo Directory::find_session(const std::string& id) const {
  const auto it = by_session_.find(id);
  return it == by_session_.end() ? kNobody : it->second;
}

}  // namespace phoenix
