// Members and packets as policies see them. The views point into what they are made of.
#pragma once

#include "base/json/json_writer.h"
#include "directory/member.h"
#include "packet/packet.h"
#include "policy/rules/input.h"

namespace phoenix {

policy::MemberView facts_of(const MemberRecord& record, uint32_t load);
// As GET /v1/members/{id} shows it, as far as rules read it.
void write_facts(json::Writer& out, const policy::MemberView& member);
// Absent payload: it is no JSON, or not known.
policy::PacketView facts_of(const Packet& head, const cel::Value& payload);

}  // namespace phoenix
