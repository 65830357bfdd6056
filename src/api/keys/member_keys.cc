#include "api/keys/member_keys.h"

#include <algorithm>

#include "base/bytes_text.h"
#include "base/json/json_writer.h"
#include "lineage/crypto/sha256.h"
#include "lineage/form/statements.h"

namespace phoenix {
namespace {

std::string subject_of(const MemberRecord& member) {
  return member.key.text() + " " + member.public_key;
}

bool answers(const Host& host, const MemberRecord& member, const std::string& proof) {
  const auto envelope = lineage::decode_envelope(proof);
  if (!envelope || envelope->type != lineage::RegistrationProof::kType) return false;
  const auto said = lineage::decode<lineage::RegistrationProof>(envelope->payload);
  return said && host.is_challenge(subject_of(member), said->challenge);
}

std::string challenge_for(const Host& host, const MemberRecord& member) {
  const Digest challenge = host.challenge(subject_of(member));
  return base64_text(bytes_of(challenge));
}

// Members of the problem document.
std::string asked_for(const RestCall& call, const std::vector<MemberRecord>& members) {
  std::string text;
  json::Writer writer(text);
  writer.field("pool", call.host().pool());
  writer.field("namespace", call.ns());
  const auto first = std::find_if(members.begin(), members.end(), [](const MemberRecord& member) {
    return !member.public_key.empty();
  });
  writer.field("id", first->key.id());
  writer.field("challenge", challenge_for(call.host(), *first));
  if (members.size() > 1) {
    writer.key("challenges");
    writer.begin_array();
    for (const MemberRecord& member : members) {
      if (member.public_key.empty()) continue;
      writer.begin_object();
      writer.field("id", member.key.id());
      writer.field("challenge", challenge_for(call.host(), member));
      writer.end_object();
    }
    writer.end_array();
  }
  return text;
}

}  // namespace

bool ask_for_proofs(const RestCallPtr& call, const std::vector<MemberRecord>& members,
                    const std::vector<std::string>& proofs) {
  bool any = false;
  bool missing = false;
  for (size_t i = 0; i < members.size(); ++i) {
    if (members[i].public_key.empty()) continue;
    const std::string proof = i < proofs.size() ? proofs[i] : std::string();
    any = any || !proof.empty();
    missing = missing || !answers(call->host(), members[i], proof);
  }
  if (!missing) return false;
  Error error;
  error.kind = ErrorKind::kUnauthenticated;
  error.reason_code = any ? "challenge-over" : "proof-required";
  error.detail = std::string(any ? "/proof: it answers no challenge of the last minute; "
                                 : "/publicKey: show that you hold the key; ") +
                 "sign the challenge, and send the request again with the proof";
  call->fail(std::move(error), asked_for(*call, members));
  return true;
}

}  // namespace phoenix
