// Session tokens: "pst.<session id>.<generation>.<mac>", the mac an HMAC-SHA-256 under a secret of
// this host, base64url, 22 characters (128 bits and some). Derived, so that every repeat of an
// answer carries the same one and nothing secret need be stored with the session.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/digest.h"
#include "base/time.h"

namespace phoenix {

std::string make_session_token(const std::array<uint8_t, 32>& key, std::string_view session,
                               uint64_t generation);
std::optional<std::pair<std::string, uint64_t>> read_session_token(
    const std::array<uint8_t, 32>& key, std::string_view token);

// The time of its end in milliseconds, big-endian in 8 bytes, then 24 bytes of an HMAC-SHA-256 of
// that and the subject: so that a host needs to keep nothing of what it has asked for.
Digest make_challenge(const std::array<uint8_t, 32>& key, std::string_view subject, WallMs end);
bool is_challenge(const std::array<uint8_t, 32>& key, std::string_view subject,
                  const Digest& challenge, WallMs now);

// 26 characters of Crockford's base 32: 48 bits of wall-clock milliseconds, then 80 of `random`.
std::string make_ulid(int64_t wall_ms, const std::array<uint8_t, 10>& random);

}  // namespace phoenix
