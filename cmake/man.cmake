# cmake -DPROGRAM=attnmeter -DDIR=folder -P: the manual pages of the program and of every
# command it lists, as it writes them itself.
file(REMOVE_RECURSE ${DIR})
file(MAKE_DIRECTORY ${DIR})
execute_process(COMMAND ${PROGRAM} --help=complete "" OUTPUT_VARIABLE lines COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${PROGRAM} --help=man OUTPUT_FILE ${DIR}/attnmeter.1 COMMAND_ERROR_IS_FATAL ANY)
string(REGEX REPLACE "\t[^\n]*" "" lines "${lines}")
string(REGEX MATCHALL "[^\n]+" commands "${lines}")
foreach(command IN LISTS commands)
  execute_process(COMMAND ${PROGRAM} ${command} --help=man OUTPUT_FILE ${DIR}/attnmeter-${command}.1
                  COMMAND_ERROR_IS_FATAL ANY)
endforeach()
