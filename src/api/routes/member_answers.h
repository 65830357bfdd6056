// Answers that speak of members, shared by their routes and those of sessions.
#pragma once

#include "api/codec/encode.h"
#include "api/rest_call.h"

namespace phoenix {

// The name of the host to which the member is attached.
std::string home_of(const RestCall& call, const MemberView& view);
// "member":{...} for a single one, else "members":[...].
void write_members_of(json::Writer& writer, const RestCall& call, const MembersReply& reply);
// The bare member where there is one, else {"members":[...]}; 200, or 202 if it goes on.
void answer_member(const RestCallPtr& call, const ReplyBody& reply);

}  // namespace phoenix
