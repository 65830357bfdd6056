#include "api/routes/member_answers.h"

#include "api/routes/answers.h"

namespace phoenix {

std::string home_of(const RestCall& call, const MemberView& view) {
  const auto session = call.node().find_session(view.record->session);
  const bool elsewhere = session && !session->home.empty();
  return elsewhere ? session->home.host : call.host().name();
}

void write_members_of(json::Writer& writer, const RestCall& call, const MembersReply& reply) {
  if (reply.single) {
    writer.key("member");
    write_member(writer, reply.members[0], home_of(call, reply.members[0]));
    return;
  }
  writer.key("members");
  writer.begin_array();
  for (const auto& view : reply.members) write_member(writer, view, home_of(call, view));
  writer.end_array();
}

void answer_member(const RestCallPtr& call, const ReplyBody& reply) {
  const auto* changed = std::get_if<MembersReply>(&reply);
  if (changed == nullptr) return call->fail(unexpected_reply());
  std::string body;
  json::Writer writer(body);
  if (changed->single && !changed->members.empty()) {
    write_member(writer, changed->members[0], home_of(*call, changed->members[0]));
    call->add_header("ETag", etag(changed->members[0].record->revision));
  } else {
    MembersReply many = *changed;
    many.single = false;
    writer.begin_object();
    write_members_of(writer, *call, many);
    writer.end_object();
  }
  call->respond(changed->accepted ? 202 : 200, std::move(body));
}

}  // namespace phoenix
