// The pool's root key at the host that keeps it: root.key in the data folder. It hands out join
// tokens and signs the keys of hosts that come with one. A token is for one host, one key and a
// time; the same host may ask again until then, as an answer may be lost. What is open stands in
// the file join-tokens (0600): that a token is used up is durable before the key is signed.
//
// The root's secret is read when it is needed and wiped again; a host that runs does not hold it.
// On the loop's thread: each call reads and writes a small file or two.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time.h"
#include "lineage/crypto/key_file.h"
#include "runtime/data_folder.h"

namespace phoenix {

inline constexpr const char* kRootKeyFile = "root.key";
inline constexpr const char* kRootPublicKeyFile = "root.pub";
inline constexpr const char* kHostGrantFile = "host.grant";

class RootDesk {
 public:
  static constexpr size_t kMostTokens = 100;
  static constexpr Duration kLongestToken = seconds(30L * 24 * 3600);

  struct Made {
    std::string token;  // secret
    WallMs expires_at = 0;
  };
  struct Granted {
    std::string grant;  // envelope
    lineage::NamedKey root;
  };

  // Both outlive it.
  RootDesk(const DataFolder& folder, const std::string& pool) : folder_(folder), pool_(pool) {}

  // For that host alone. kWrongState: the root's key is not kept here. kTooManyRequests.
  Result<Made> make_token(const std::string& host, Duration life, WallMs now) const;
  // What the envelope of a KeyRequest asks for. kForbidden with "unknown-token" (one that is over
  // is known no more), "token-used", "wrong-host", and the codes of open(); kInvalidRequest where
  // it is no request.
  Result<Granted> grant(const std::string& host, std::string_view request, WallMs now) const;

 private:
  Result<lineage::NamedKeyPair> root() const;

  const DataFolder& folder_;
  const std::string& pool_;
};

// The root's grant as it stands in host.grant: one line of base64.
std::string render_grant(std::string_view envelope);
Result<std::string> parse_grant(std::string_view text);
// Why the envelope is no grant of that root for that key of a host; nothing if it is one.
std::optional<std::string> fault_of_grant(std::string_view envelope, const lineage::NamedKey& root,
                                          const lineage::NamedKey& host);

}  // namespace phoenix
