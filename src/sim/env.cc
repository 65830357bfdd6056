#include "sim/env.h"

#include <utility>

#include "base/siphash.h"

namespace phoenix::sim {

Digest digest_of(std::string_view text) {
  Digest digest{};
  for (uint8_t part = 0; part < 4; ++part) {
    RingKey key;
    key.bytes[0] = part;
    const uint64_t bits = siphash13(key, text);
    for (size_t i = 0; i < 8; ++i) digest[part * 8 + i] = static_cast<uint8_t>(bits >> (8 * i));
  }
  return digest;
}

Content json_content(std::string text) {
  Content content;
  content.data = std::move(text);
  return content;
}

lineage::NamedKeyPair signer_of(const std::string& host) {
  return {lineage::KeyRole::kHost, host, lineage::KeyPair::from_seed(digest_of(host))};
}

Result<LogHeads> heads_of(const Result<std::vector<LogState>>& logs) {
  if (!logs) return tl::unexpected<Error>(logs.error());
  LogHeads heads;
  for (const LogState& log : *logs) {
    if (log.size > 0) heads.logs.push_back({log.log, log.size});
  }
  return heads;
}

PatchMember draw_patch(Prng& prng, const Env& env) {
  PatchMember body;
  body.key = MemberKey(kNamespace, env.member_ids[prng.below(env.member_ids.size())]);
  if (prng.chance(1, 2)) body.max_load = static_cast<uint32_t>(prng.between(1, 8));
  if (prng.chance(1, 3)) body.weight = static_cast<uint32_t>(prng.between(1, 300));
  if (prng.chance(1, 3)) {
    body.capabilities.emplace();
    for (char letter = 'a'; letter <= 'd'; ++letter) {
      if (prng.chance(1, 2)) body.capabilities->emplace_back(1, letter);
    }
  }
  return body;
}

bool answer_kept(const Command& command, Reader& reader, Checks& checks,
                 const std::function<void(const Reply&)>& reply) {
  if (!command.idempotency) return false;
  auto stored = reader.answer(command.idempotency->scope);
  if (!stored || !*stored) return false;
  Reply answer;
  answer.id = command.id;
  if ((*stored)->request == command.idempotency->request) {
    auto body = decode_reply((*stored)->answer);
    if (!body) {
      checks.violate(Invariant::kFence, "a kept answer cannot be read: " + body.error().detail);
      return true;
    }
    answer.body = std::move(*body);
    answer.replayed = true;
  } else {
    answer.body =
        fail(ErrorKind::kIdempotencyMismatch, "the key was used for another body").value();
  }
  reply(answer);
  return true;
}

bool passes_by(ErrorKind kind) {
  return kind == ErrorKind::kDraining || kind == ErrorKind::kStoreUnreachable ||
         kind == ErrorKind::kOverloaded || kind == ErrorKind::kTooManyRequests ||
         kind == ErrorKind::kTimeout || kind == ErrorKind::kConflict;
}

}  // namespace phoenix::sim
