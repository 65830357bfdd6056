#include "runtime/recorder/root_desk.h"

#include <openssl/crypto.h>
#include <sys/random.h>

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "base/bytes_text.h"
#include "base/key.h"
#include "lineage/crypto/sha256.h"
#include "runtime/files.h"
#include "runtime/recorder/join_token.h"

namespace phoenix {
namespace {

constexpr const char* kTokensFile = "join-tokens";
constexpr size_t kMaxKeyFile = 4'096;
constexpr size_t kMaxTokensFile = size_t{1} << 20;
constexpr std::string_view kUnused = "-";

// One line of the file: when it ends, for which host, the secret, and the id of the key that has
// used it.
struct OpenToken {
  WallMs expires_at = 0;
  std::string host;
  std::array<uint8_t, 32> secret{};
  std::string used_by;
};

std::string_view take_word(std::string_view& line) {
  const size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

std::optional<OpenToken> parse_line(std::string_view line) {
  OpenToken token;
  const std::string_view at = take_word(line);
  const auto [end, fault] = std::from_chars(at.data(), at.data() + at.size(), token.expires_at);
  token.host = take_word(line);
  const auto secret = base64_bytes(take_word(line));
  token.used_by = take_word(line);
  const bool whole = fault == std::errc() && end == at.data() + at.size() && line.empty() &&
                     valid_id(token.host) && secret && secret->size() == token.secret.size() &&
                     !token.used_by.empty();
  if (!whole) return std::nullopt;
  std::copy(secret->begin(), secret->end(), token.secret.begin());
  return token;
}

std::string render(const std::vector<OpenToken>& tokens) {
  std::string text;
  for (const OpenToken& token : tokens) {
    text.append(std::to_string(token.expires_at)).append(1, ' ').append(token.host);
    text.append(1, ' ').append(base64_text(bytes_of(token.secret)));
    text.append(1, ' ').append(token.used_by);
    text.append(1, '\n');
  }
  return text;
}

// Those that are not over.
Result<std::vector<OpenToken>> read_tokens(const std::string& path, WallMs now) {
  const auto text = read_whole(path, kMaxTokensFile);
  if (!text) return tl::unexpected<Error>(text.error());
  std::vector<OpenToken> tokens;
  std::string_view rest = *text ? std::string_view(**text) : std::string_view();
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    auto token = parse_line(rest.substr(0, end));
    if (!token || end == std::string_view::npos) {
      return fail(ErrorKind::kStoreUnreachable,
                  path + " is broken; remove it: who has not used a token yet needs another one");
    }
    rest.remove_prefix(end + 1);
    if (token->expires_at > now) tokens.push_back(*std::move(token));
  }
  return tokens;
}

tl::unexpected<Error> forbidden(std::string code, std::string detail) {
  Error error = {.kind = ErrorKind::kForbidden, .detail = std::move(detail)};
  error.reason_code = std::move(code);
  return tl::unexpected<Error>(std::move(error));
}

// Who does not know the secret learns no more by the time that this takes.
bool equal(const Digest& a, const Digest& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

std::string render_grant(std::string_view envelope) { return base64_text(envelope) + "\n"; }

Result<std::string> parse_grant(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  auto envelope = base64_bytes(text);
  if (envelope && !envelope->empty()) return *std::move(envelope);
  return fail(ErrorKind::kInvalidRequest, "a grant is one line of base64");
}

std::optional<std::string> fault_of_grant(std::string_view envelope, const lineage::NamedKey& root,
                                          const lineage::NamedKey& host) {
  const std::string root_id = root.key.id();
  const auto grant = lineage::open<lineage::KeyGrant>(
      envelope, [&](std::string_view id) { return id == root_id ? &root.key : nullptr; });
  if (!grant) return grant.error().detail;
  const lineage::KeyGrant& said = grant->statement;
  if (said.pool != root.name) return "it is for pool " + said.pool;
  if (said.host != host.name) {
    return "it is for host " + said.host + ", and this one is " + host.name;
  }
  if (said.key != host.key) return "it is for another key of this host";
  return std::nullopt;
}

Result<lineage::NamedKeyPair> RootDesk::root() const {
  const std::string path = folder_.file(kRootKeyFile);
  auto text = read_whole(path, kMaxKeyFile);
  if (!text) return tl::unexpected<Error>(text.error());
  if (!*text) {
    return fail(ErrorKind::kWrongState,
                "this host does not keep the pool's root key; ask the one that does, or sign by "
                "hand: phoenix key sign-host");
  }
  auto pair = lineage::parse_secret(**text);
  lineage::wipe(**text);
  if (!pair) return fail(ErrorKind::kStoreUnreachable, path + ": " + pair.error().detail);
  if (pair->role != lineage::KeyRole::kRoot || pair->name != pool_) {
    return fail(ErrorKind::kWrongState,
                path + " is the " + std::string(lineage::role_name(pair->role)) + " key of " +
                    pair->name + ", not the root of pool " + pool_);
  }
  return pair;
}

Result<RootDesk::Made> RootDesk::make_token(const std::string& host, Duration life,
                                            WallMs now) const {
  if (!valid_id(host)) return invalid("host", "\"" + host + "\" is no name that a key may have");
  const auto pair = root();
  if (!pair) return tl::unexpected<Error>(pair.error());
  const std::string path = folder_.file(kTokensFile);
  auto tokens = read_tokens(path, now);
  if (!tokens) return tl::unexpected<Error>(tokens.error());
  if (tokens->size() >= kMostTokens) {
    return fail(ErrorKind::kTooManyRequests, "there are " + std::to_string(kMostTokens) +
                                                 " join tokens already that are not over");
  }
  OpenToken token{now + life.ms(), host, {}, std::string(kUnused)};
  if (::getrandom(token.secret.data(), token.secret.size(), 0) !=
      static_cast<ssize_t>(token.secret.size())) {
    return fail(ErrorKind::kInternal, "the system gives no random bytes");
  }
  const JoinToken told{pool_, fingerprint_of_key(pair->pair.public_key()), token.secret};
  const WallMs until = token.expires_at;
  tokens->push_back(std::move(token));
  if (auto done = folder_.write_file(kTokensFile, render(*tokens)); !done) {
    return tl::unexpected<Error>(done.error());
  }
  return Made{told.text(), until};
}

Result<RootDesk::Granted> RootDesk::grant(const std::string& host, std::string_view request,
                                          WallMs now) const {
  const auto envelope = lineage::decode_envelope(request);
  if (!envelope) return invalid("/request", envelope.error().detail);
  const auto said = lineage::decode<lineage::KeyRequest>(envelope->payload);
  if (!said) return invalid("/request", said.error().detail);
  const auto own = [&](std::string_view id) { return id == said->key.id() ? &said->key : nullptr; };
  if (auto opened = lineage::open<lineage::KeyRequest>(request, own); !opened) {
    return tl::unexpected<Error>(opened.error());
  }
  auto tokens = read_tokens(folder_.file(kTokensFile), now);
  if (!tokens) return tl::unexpected<Error>(tokens.error());
  const auto token = std::find_if(tokens->begin(), tokens->end(), [&](const OpenToken& one) {
    return equal(token_digest(one.secret), said->token);
  });
  if (token == tokens->end() || said->pool != pool_ ||
      !equal(request_mac(token->secret, said->pool, said->host, said->key), said->mac)) {
    return forbidden("unknown-token",
                     "no join token that is good here; they are good for a while, "
                     "at the host that made them: phoenix host join-token");
  }
  if (said->host != host || token->host != host) {
    return forbidden("wrong-host", "the join token is for host " + token->host);
  }
  const std::string key_id = said->key.id();
  if (token->used_by != kUnused && token->used_by != key_id) {
    return forbidden("token-used", "the join token has been used for another key");
  }
  const auto pair = root();
  if (!pair) return tl::unexpected<Error>(pair.error());
  if (token->used_by == kUnused) {
    token->used_by = key_id;
    if (auto done = folder_.write_file(kTokensFile, render(*tokens)); !done) {
      return tl::unexpected<Error>(done.error());
    }
  }
  const lineage::KeyGrant grant{pool_, host, said->key, now};
  return Granted{lineage::sign(pair->pair, grant),
                 {pair->role, pair->name, pair->pair.public_key()}};
}

}  // namespace phoenix
