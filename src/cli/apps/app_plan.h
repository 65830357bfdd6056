// What would have to be done at a host for it to be as an app declares, and the doing of it. A plan
// is made of what the host says now; carried out twice it changes nothing the second time, and one
// that was broken off is gone on with by making it anew.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/apps/app_members.h"
#include "cli/apps/app_packets.h"

namespace phoenix::cli {

struct Change {
  enum class Verb : uint8_t {
    kCreate,
    kUpdate,
    kRemove,  // a document
    kRetire,  // a member: drains, then leaves
    kCancel,  // a packet
    kRefuse,  // cannot be done: a packet is never changed
    kNote     // nothing to be done here
  };

  Verb verb = Verb::kNote;
  bool member = false;             // else a packet
  const char* document = nullptr;  // "policy" or "contract": neither of the two (app_documents.h)
  std::string ns;
  std::string id;
  std::string detail;                        // for people: "maxLoad 4 -> 8"
  Json body;                                 // of a member to create or update
  const manifest::Packet* packet = nullptr;  // to create
};
// "create", "update" and so on.
const char* verb_name(Change::Verb verb);

struct PlanOptions {
  bool prune = false;   // what is labelled as the app's and not declared goes
  bool remove = false;  // all of the app's goes
};
// Creations first, members before packets.
Outcome<std::vector<Change>> plan_app(AppHost& host, const manifest::App& app,
                                      const PlanOptions& options);

// Counts what changes something, notes and refusals excepted.
size_t count_changes(const std::vector<Change>& plan);

// Does what the plan says, documents apart, as far as it can; `progress` is told how many are done.
// The failures, one line each.
Outcome<std::vector<std::string>> carry_out(AppHost& host, const manifest::App& app,
                                            const std::vector<Change>& plan,
                                            const std::function<void(size_t)>& progress);

}  // namespace phoenix::cli
