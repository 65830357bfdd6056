// From the flags of `packet submit` to the JSON that POST /v1/packets takes. Reads files only
// where a flag names one; the clock comes in as a number.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "cli/context.h"

namespace phoenix::cli {

struct PacketFlags {
  std::vector<std::string> required;   // capabilities
  std::optional<std::string> payload;  // JSON, @FILE or -
  std::string content_type;
  std::string id;
  std::string name;
  std::vector<std::string> labels;  // k=v
  std::vector<std::string> policy_tags;
  std::string contract;
  std::vector<std::string> scopes;
  std::string affinity;
  std::string spread;
  std::string match;
  std::string deadline;    // "10m" from now, or RFC 3339
  std::string not_before;  // likewise
  std::optional<Duration> attempt_timeout;
  std::optional<Duration> retain;
  std::optional<int64_t> priority;
  std::optional<int64_t> load;
  std::optional<int64_t> max_attempts;
  std::optional<int64_t> max_losses;
};

void add_packet_flags(std::vector<Flag>& flags, PacketFlags* into);

// The largest content that a host takes as JSON, and as bytes.
inline constexpr size_t kMaxContent = 1024 * 1024;

// The whole document. Failures are wrong use and name the flag.
Outcome<Json> packet_document(const PacketFlags& flags, int64_t now_ms);

// Puts `bytes` into the document as payload: JSON if the content type says so (or says nothing),
// else as Base64 with the content type.
Outcome<int> set_payload(Json& document, const std::string& bytes, const std::string& content_type,
                         const std::string& source);

// A content flag of the other verbs (--checkpoint, --context, --result): JSON, @FILE or -, placed
// as `name`, or as `name`Base64 with `raw`.
Outcome<int> set_content(Json& document, const std::string& name, const std::string& value,
                         bool raw);

// "10m" as that time from now, an RFC 3339 time as it is.
Outcome<std::string> moment(const std::string& text, std::string_view flag, int64_t now_ms);

}  // namespace phoenix::cli
