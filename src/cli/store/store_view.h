// What `phoenix store` shows: a document for programs, a sheet for people. Pure.
#pragma once

#include <string>

#include "cli/json.h"
#include "store/postgres/pool/pool_admin.h"

namespace phoenix::cli {

Json made_document(const PoolMade& made);
std::string made_sheet(const PoolMade& made, bool color);

Json check_document(const PoolCheck& check);
std::string check_sheet(const PoolCheck& check, bool color);

}  // namespace phoenix::cli
