#include "api/routes/member_answers.h"

#include "api/routes/answers.h"

namespace phoenix {

void write_members_of(json::Writer& writer, const RestCall& call, const MembersReply& reply) {
  const std::string& home = call.host().name();
  if (reply.single) {
    writer.key("member");
    write_member(writer, reply.members[0], home);
    return;
  }
  writer.key("members");
  writer.begin_array();
  for (const auto& view : reply.members) write_member(writer, view, home);
  writer.end_array();
}

void answer_member(const RestCallPtr& call, const ReplyBody& reply) {
  const auto* changed = std::get_if<MembersReply>(&reply);
  if (changed == nullptr) return call->fail(unexpected_reply());
  std::string body;
  json::Writer writer(body);
  if (changed->single && !changed->members.empty()) {
    write_member(writer, changed->members[0], call->host().name());
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
