// What the simulated callers share: time, the network, and what the world lets them do.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "lineage/crypto/key_file.h"
#include "lineage/form/statements.h"
#include "node/node.h"
#include "sim/check/checks.h"
#include "sim/event_queue.h"
#include "sim/network.h"
#include "sim/trace.h"
#include "store/store.h"

namespace phoenix::sim {

inline constexpr std::string_view kNamespace = "default";

struct Env {
  EventQueue& queue;
  Network& network;
  Checks& checks;
  Trace& trace;
  std::function<WallMs()> wall;  // the callers'
  // No new faults, and everybody only finishes what there is.
  bool calm = false;
  // Ids of all members that ever registered, in that order.
  std::vector<std::string> member_ids;
  bool governed = false;  // packets have tags and payloads of which policies speak
  bool roam = true;       // workers call other hosts where theirs does not answer
};

// 32 bytes that stand for the SHA-256 of the text; equal exactly for equal texts, as far as any
// run can tell.
Digest digest_of(std::string_view text);
Content json_content(std::string text);

// The key with which the host of that name signs.
lineage::NamedKeyPair signer_of(const std::string& host);
// What a certificate names of these logs.
Result<LogHeads> heads_of(const Result<std::vector<LogState>>& logs);

// A change of one of the members, as an operator may want it. Requires: there is one.
PatchMember draw_patch(Prng& prng, const Env& env);

// What a driver does before it asks the node: an answer that is kept under the command's key is
// handed to `reply` again. False if there is none, or no key.
bool answer_kept(const Command& command, Reader& reader, Checks& checks,
                 const std::function<void(const Reply&)>& reply);

// Is it worth sending the same call again?
bool passes_by(ErrorKind kind);

}  // namespace phoenix::sim
