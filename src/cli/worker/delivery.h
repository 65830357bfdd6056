// Content between the protocol and CMD: what a delivery means for a run, and what a run's end
// means as a call. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "cli/worker/actions.h"
#include "cli/worker/worker_main.h"
#include "client/json_text.h"
#include "lineage/form/statements.h"

namespace phoenix::worker {

// Who a member is to those who verify what it signs.
struct Identity {
  std::string pool;
  std::string ns;
  std::string member;
  uint64_t incarnation = 0;
};

struct WorkDelivery {
  std::string packet_id;
  uint64_t epoch = 0;
  RunInput input;
  std::optional<Digest> contract;   // by which it is handed on, if by any
  std::vector<std::string> scopes;  // what its owner may do; empty too where that has no bounds
};

// nullopt: not a delivery.
std::optional<WorkDelivery> read_delivery(const JsonText& json, WorkerCodec codec);

// To whom a packet is to go, and the digest of what goes with it, as the host keeps that.
struct HandoffTerms {
  std::string to;                     // empty: to whom the capabilities lead
  std::vector<std::string> required;  // sorted, each once
  std::optional<Digest> context;
  std::optional<std::vector<std::string>> scopes{};  // sorted, each once; absent: as its giver's
};

// What a member is asked to take over.
struct WorkOffer {
  std::string packet_id;
  uint64_t epoch = 0;  // the giver's
  lineage::HandoffOffer said;
  Digest offered{};  // of the offer's payload
};
// nullopt: not an offer, or one that says something else than what came with it. That its giver
// signed it is the host's to check, which knows the keys.
std::optional<WorkOffer> read_offer(const JsonText& json, std::string_view member);

// One packet call, without its packet and epoch: "complete" and `,"result":…`.
struct Verdict {
  std::string verb;    // complete, release, fail, handoff, checkpoint
  std::string fields;  // members after "epoch", each with a comma before it
  // complete, fail: of the result or the error as the host keeps it, which is what the member
  // signs.
  std::optional<Digest> result{};
  std::optional<HandoffTerms> handoff{};  // handoff: what its offer says
};

// Why the driver or the core ended a run; kNone: it ended by itself.
enum class RunStop : uint8_t { kNone, kTimeout, kDrain };

// What an ended run asks for.
Verdict judge(const RunEnd& end, RunStop stop, const WorkerOptions& options);
// A checkpoint file's content; `seq` grows within an epoch.
Verdict checkpoint_call(std::string_view content, int64_t seq, WorkerCodec codec);
// `fail`, because the host refused another call.
Verdict refused_call(std::string_view message, std::string_view code);
// Gives it back uncharged.
Verdict release_call();

// nullopt: no valid Base64.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace phoenix::worker
