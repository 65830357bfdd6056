// The verbs about PhoenixFile apps.
#pragma once

#include <vector>

#include "cli/line/command.h"

namespace phoenix::cli {

void add_validate(std::vector<Command>& table);   // validate, schema
void add_app_new(std::vector<Command>& table);    // new
void add_app_apply(std::vector<Command>& table);  // apply, diff, delete
void add_app_run(std::vector<Command>& table);    // run

}  // namespace phoenix::cli
