#include "directory/directory.h"

#include <algorithm>

namespace phoenix {

Instant Session::expires() const {
  const Instant by_lease = attached->heard_at + lease();
  if (!record->grace_ms || !attached->broken_at || attached->streams > 0) return by_lease;
  const Duration grace = milliseconds(*record->grace_ms);
  return std::max(*attached->broken_at, attached->heard_at) + grace * 2;
}

MemberNo Directory::add_member(std::shared_ptr<const MemberRecord> record) {
  Member member;
  member.record = std::move(record);
  const MemberNo no = members_.add(std::move(member));
  by_key_.add(members_[no].record->key.text(), no);
  list(no);
  return no;
}

void Directory::replace_member(MemberNo no, std::shared_ptr<const MemberRecord> record) {
  members_[no].record = std::move(record);
  list(no);
}

void Directory::list(MemberNo no) {
  if (members_[no].record->manual) {
    manual_.insert(no);
  } else {
    manual_.erase(no);
  }
}

void Directory::drop_member(MemberNo no) {
  manual_.erase(no);
  by_key_.remove(members_[no].record->key.text(), no);
  members_.drop(no);
}

SessionNo Directory::add_session(std::shared_ptr<const SessionRecord> record) {
  Session session;
  session.record = std::move(record);
  const SessionNo no = sessions_.add(std::move(session));
  by_session_.add(sessions_[no].record->id, no);
  count(sessions_[no].record->home);
  return no;
}

void Directory::replace_session(SessionNo no, std::shared_ptr<const SessionRecord> record) {
  count(record->home);
  uncount(sessions_[no].record->home);
  sessions_[no].record = std::move(record);
}

void Directory::count(const HostLife& home) { ++homes_[home]; }

void Directory::uncount(const HostLife& home) {
  const auto it = homes_.find(home);
  if (--it->second == 0) homes_.erase(it);
}

void Directory::drop_session(SessionNo no) {
  uncount(sessions_[no].record->home);
  by_session_.remove(sessions_[no].record->id, no);
  sessions_.drop(no);
}

bool Directory::lists(SessionNo session, MemberNo member) const {
  const auto& listed = sessions_[session].record->members;
  const Member& wanted = members_[member];
  return wanted.session == session && wanted.listed_at < listed.size() &&
         listed[wanted.listed_at].first == wanted.record->key.id();
}

MemberNo Directory::find_member(const MemberKey& key) const {
  return by_key_.find(key.text(), [this](uint32_t no) -> std::string_view {
    return members_[no].record->key.text();
  });
}

SessionNo Directory::find_session(const std::string& id) const {
  return by_session_.find(
      id, [this](uint32_t no) -> std::string_view { return sessions_[no].record->id; });
}

std::vector<MemberNo> Directory::members_in_order() const {
  std::vector<MemberNo> all;
  all.reserve(by_key_.size());
  for (MemberNo no = 0; no < members_.end(); ++no) {
    if (has_member(no)) all.push_back(no);
  }
  std::sort(all.begin(), all.end(), [this](MemberNo a, MemberNo b) {
    return members_[a].record->key < members_[b].record->key;
  });
  return all;
}

std::vector<SessionNo> Directory::sessions() const {
  std::vector<SessionNo> all;
  all.reserve(by_session_.size());
  for (SessionNo no = 0; no < sessions_.end(); ++no) {
    if (has_session(no)) all.push_back(no);
  }
  return all;
}

}  // namespace phoenix
