// The members of an app, between its files and a host.
#pragma once

#include <string>
#include <vector>

#include "cli/apps/app_packets.h"
#include "manifest/app/model.h"

namespace phoenix::cli {

// The command that an agent runs: its own, or the one that the app's runtime stands for; empty if
// there is none, or none that exists.
std::vector<std::string> command_of(const manifest::App& app, const manifest::Agent& agent);

// The ids of its members: its name, or of several processes NAME-1 and so on.
std::vector<std::string> member_ids(const manifest::App& app, const manifest::Agent& agent);

// What POST /v1/members takes, for a member without a session: an agent that is driven by hand.
Json manual_member(const manifest::App& app, const manifest::Agent& agent, const std::string& id);

// A merge patch that makes `there` what is declared; empty object: it is.
Json member_patch(const manifest::App& app, const manifest::Agent& agent, const Json& there);

// All members with the app's label, in the namespaces that it uses.
Outcome<std::vector<Json>> list_app_members(AppHost& host, const manifest::App& app);

}  // namespace phoenix::cli
