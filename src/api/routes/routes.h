// The routes of the REST face, by noun. Each function adds its rows to the table; a handler
// translates one request into one command or query, and the answer back.
#pragma once

#include <vector>

#include "api/rest_call.h"

namespace phoenix {

void add_packet_routes(std::vector<Route>& table);    // create, read, list, cancel, assign, ...
void add_owner_routes(std::vector<Route>& table);     // start, checkpoint, complete, ...
void add_member_routes(std::vector<Route>& table);    // register, read, list, patch
void add_session_routes(std::vector<Route>& table);   // deliveries, stream, heartbeat, drain, ...
void add_host_routes(std::vector<Route>& table);      // hosts, dma
void add_ring_routes(std::vector<Route>& table);      // ring, its owner, its plan
void add_audit_routes(std::vector<Route>& table);     // the flight recorder
void add_key_routes(std::vector<Route>& table);       // keys of hosts, and the root's word for them
void add_document_routes(std::vector<Route>& table);  // policies, contracts, approvals
void add_event_routes(std::vector<Route>& table);
void add_meta_routes(std::vector<Route>& table);  // version, livez, metrics, openapi, problems

}  // namespace phoenix
